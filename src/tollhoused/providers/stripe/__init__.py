"""Stripe as a provider of payments and subscriptions; its SDK is imported when a provider is made."""
