"""Fields that Stripe always sends and the fake has no use for: null, so that reading them is no error."""

BLANKS = {
    name: tuple(fields.split())
    for name, fields in {
        "product": "package_dimensions shippable statement_descriptor unit_label url",
        "price": "custom_unit_amount",
        "customer": "discount shipping test_clock customer_account",
        "payment_method": "customer_account",
        "checkout.session": (
            "adaptive_pricing after_expiration allow_promotion_codes billing_address_collection client_secret"
            " collected_information consent consent_collection currency_conversion customer_account customer_creation"
            " discounts integration_identifier invoice_creation locale managed_payments origin_context"
            " payment_method_collection payment_method_configuration_details permissions phone_number_collection"
            " recovered_from saved_payment_method_options shipping_address_collection shipping_cost submit_type"
        ),
        "subscription": (
            "application application_fee_percent billing_cycle_anchor_config billing_schedules billing_thresholds"
            " customer_account days_until_due default_source invoice_settings managed_payments"
            " next_pending_invoice_item_invoice on_behalf_of payment_settings pending_invoice_item_interval test_clock"
            " transfer_data"
        ),
        "subscription_item": "billing_thresholds",
        "subscription_schedule": "application customer_account test_clock",
        "payment_intent": (
            "allowed_payment_method_types application application_fee_amount automatic_payment_methods customer_account"
            " excluded_payment_method_types managed_payments on_behalf_of payment_method_configuration_details review"
            " shipping statement_descriptor statement_descriptor_suffix transfer_data transfer_group"
        ),
        "charge": (
            "application application_fee application_fee_amount calculated_statement_descriptor"
            " failure_balance_transaction on_behalf_of outcome payment_method_details receipt_email receipt_number"
            " review shipping source_transfer statement_descriptor statement_descriptor_suffix transfer_data"
            " transfer_group"
        ),
        "refund": "customer customer_account destination_details payment_method source_transfer_reversal",
        "dispute": "enhanced_eligibility_types evidence_details payment_method_details",
        "invoice": (
            "account_name account_tax_ids application automatically_finalizes_at custom_fields customer_account"
            " customer_address customer_email customer_name customer_phone customer_shipping default_source description"
            " effective_at footer from_invoice invoice_pdf last_finalization_error latest_revision on_behalf_of"
            " receipt_number rendering shipping_cost shipping_details statement_descriptor test_clock"
            " webhooks_delivered_at"
        ),
        "payment_link": (
            "application application_fee_amount application_fee_percent consent_collection inactive_message"
            " managed_payments on_behalf_of payment_intent_data payment_method_types subscription_data transfer_data"
        ),
        "setup_intent": "application cancellation_reason description last_setup_error latest_attempt next_action",
    }.items()
}
