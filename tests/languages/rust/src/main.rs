//! Calls Tollhouse from Rust; README.md beside it tells what it is generated with.

use std::env;
use std::error::Error;
use std::time::Duration;

use tollhouse::account_service_client::AccountServiceClient;
use tollhouse::credits_service_client::CreditsServiceClient;
use tollhouse::usage_service_client::UsageServiceClient;
use tollhouse::{
    GetBalanceRequest, GrantCategory, GrantCreditsRequest, RecordUsageRequest, Subject,
    UpsertUserRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

mod tollhouse {
    tonic::include_proto!("tollhouse.v1");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = env::var("TOLLHOUSE_API_KEY")?;
    let channel = connect(&env::var("TOLLHOUSE_ADDRESS")?)?;
    let mut usage = UsageServiceClient::new(channel.clone());
    let mut accounts = AccountServiceClient::new(channel.clone());
    let mut credits = CreditsServiceClient::new(channel.clone());
    let ada = Some(Subject {
        user_id: "ada-rust".into(),
        ..Default::default()
    });

    let user = UpsertUserRequest {
        user_id: "ada-rust".into(),
        idempotency_key: "make-ada-rust".into(),
        ..Default::default()
    };
    accounts.upsert_user(under(&key, user)?).await?;
    let event = RecordUsageRequest {
        subject: ada.clone(),
        product: "talk".into(),
        meter: "voice_minutes".into(),
        quantity: 3,
        idempotency_key: "call-rust-1".into(),
        ..Default::default()
    };
    let first = usage
        .record_usage(under(&key, event.clone())?)
        .await?
        .into_inner();
    let again = usage
        .record_usage(under(&key, event.clone())?)
        .await?
        .into_inner();
    println!(
        r#"{{"check": "unary", "new_usage": {}, "replayed": {}, "again_replayed": {}}}"#,
        first.new_usage, first.replayed, again.replayed
    );

    let nothing = RecordUsageRequest {
        quantity: 0,
        idempotency_key: "call-rust-2".into(),
        ..event.clone()
    };
    let refusal = usage.record_usage(under(&key, nothing)?).await.unwrap_err();
    let field = refusal
        .get_details_bad_request()
        .map(|bad| bad.field_violations[0].field.clone());
    println!(
        r#"{{"check": "error", "code": "{}", "reason": "{}", "field": "{}"}}"#,
        name(&refusal),
        reason(&refusal),
        field.unwrap_or_default()
    );

    let refusal = usage
        .record_usage(under("not-a-key", event.clone())?)
        .await
        .unwrap_err();
    println!(
        r#"{{"check": "key", "code": "{}", "reason": "{}"}}"#,
        name(&refusal),
        reason(&refusal)
    );

    let grant = GrantCreditsRequest {
        subject: ada.clone(),
        amount_nanos: 9_007_199_254_740_993,
        currency: "usd".into(),
        category: GrantCategory::Paid.into(),
        idempotency_key: "grant-rust-1".into(),
        ..Default::default()
    };
    credits.grant_credits(under(&key, grant)?).await?;
    let question = under(&key, GetBalanceRequest { subject: ada })?;
    let balance = credits.get_balance(question).await?.into_inner().balance;
    println!(
        r#"{{"check": "int64", "total_nanos": {}}}"#,
        balance.ok_or("no balance")?.total_nanos
    );

    let mut stalled = UsageServiceClient::new(connect(&env::var("STALLED_ADDRESS")?)?);
    let mut hurried = Request::new(event);
    hurried.set_timeout(Duration::from_millis(200));
    let refusal = stalled.record_usage(hurried).await.unwrap_err();
    println!(r#"{{"check": "deadline", "code": "{}"}}"#, name(&refusal));

    let question = HealthCheckRequest {
        service: "tollhouse.v1.UsageService".into(),
    };
    let checked = HealthClient::new(channel)
        .check(under(&key, question)?)
        .await?
        .into_inner();
    println!(
        r#"{{"check": "health", "status": "{}"}}"#,
        checked.status().as_str_name()
    );
    Ok(())
}

fn connect(address: &str) -> Result<Channel, tonic::transport::Error> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
}

/// A call under an API key, with a deadline: no call should be without one.
fn under<T>(key: &str, message: T) -> Result<Request<T>, Box<dyn Error>> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_secs(10));
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {key}").parse()?);
    Ok(request)
}

/// Why a call was refused.
fn reason(refusal: &Status) -> String {
    refusal
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// The code by the name that the contract uses.
fn name(refusal: &Status) -> String {
    match refusal.code() {
        Code::InvalidArgument => "INVALID_ARGUMENT".into(),
        Code::Unauthenticated => "UNAUTHENTICATED".into(),
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED".into(),
        Code::Cancelled if timed_out(refusal) => "DEADLINE_EXCEEDED".into(),
        other => format!("{other:?}"),
    }
}

/// Tonic calls it cancelled when the client's own clock ends a call; only the cause tells it from other ends.
fn timed_out(refusal: &Status) -> bool {
    std::iter::successors(refusal.source(), |&error| error.source())
        .any(|error| error.is::<tonic::TimeoutExpired>())
}
