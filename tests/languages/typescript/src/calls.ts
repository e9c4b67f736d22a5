// Calls Tollhouse from TypeScript; README.md beside it tells what it is generated with.
import { credentials, Metadata, status, type ServiceError } from "@grpc/grpc-js";

import { BadRequest, ErrorInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";
import {
  HealthCheckResponse_ServingStatus,
  HealthClient,
  type HealthCheckResponse,
} from "./gen/grpc/health/v1/health.js";
import { AccountServiceClient, UpsertUserRequest } from "./gen/tollhouse/v1/account_service.js";
import {
  CreditsServiceClient,
  GrantCategory,
  GrantCreditsRequest,
  type GetBalanceResponse,
} from "./gen/tollhouse/v1/credits_service.js";
import { RecordUsageRequest, UsageServiceClient, type RecordUsageResponse } from "./gen/tollhouse/v1/usage_service.js";

const { TOLLHOUSE_ADDRESS = "127.0.0.1:50051", TOLLHOUSE_API_KEY = "", STALLED_ADDRESS = "" } = process.env;

const usage = new UsageServiceClient(TOLLHOUSE_ADDRESS, credentials.createInsecure());
const accounts = new AccountServiceClient(TOLLHOUSE_ADDRESS, credentials.createInsecure());
const credits = new CreditsServiceClient(TOLLHOUSE_ADDRESS, credentials.createInsecure());
const health = new HealthClient(TOLLHOUSE_ADDRESS, credentials.createInsecure());
const stalled = new UsageServiceClient(STALLED_ADDRESS, credentials.createInsecure());

const key = under(TOLLHOUSE_API_KEY);
const ada = { userId: "ada-typescript", email: "", orgId: "" };

const user = UpsertUserRequest.fromPartial({ userId: ada.userId, idempotencyKey: "make-ada-typescript" });
await answer((done) => accounts.upsertUser(user, key, within(10_000), done));

const event = RecordUsageRequest.fromPartial({
  subject: ada,
  product: "talk",
  meter: "voice_minutes",
  quantity: 3n,
  idempotencyKey: "call-typescript-1",
});
const first = await record(usage, event, key, 10_000);
const again = await record(usage, event, key, 10_000);
say("unary", { new_usage: first.newUsage, replayed: first.replayed, again_replayed: again.replayed });

const nothing = { ...event, quantity: 0n, idempotencyKey: "call-typescript-2" };
say("error", await refusal(record(usage, nothing, key, 10_000)));

say("key", await refusal(record(usage, event, under("not-a-key"), 10_000)));

const grant = GrantCreditsRequest.fromPartial({
  subject: ada,
  amountNanos: 9_007_199_254_740_993n,
  currency: "usd",
  category: GrantCategory.GRANT_CATEGORY_PAID,
  idempotencyKey: "grant-typescript-1",
});
await answer((done) => credits.grantCredits(grant, key, within(10_000), done));
const owned = await answer<GetBalanceResponse>((done) => credits.getBalance({ subject: ada }, key, within(10_000), done));
say("int64", { total_nanos: owned.balance?.totalNanos });

say("deadline", await refusal(record(stalled, event, key, 200)));

const service = "tollhouse.v1.UsageService";
const checked = await answer<HealthCheckResponse>((done) => health.check({ service }, key, within(10_000), done));
say("health", { status: HealthCheckResponse_ServingStatus[checked.status] });

for (const client of [usage, accounts, credits, health, stalled]) {
  client.close();
}

type Done<T> = (error: ServiceError | null, answer: T) => void;

/** The answer of a call, or its error thrown. */
function answer<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => call((error, found) => (error ? reject(error) : resolve(found))));
}

function record(
  client: UsageServiceClient,
  event: RecordUsageRequest,
  key: Metadata,
  milliseconds: number,
): Promise<RecordUsageResponse> {
  return answer((done) => client.recordUsage(event, key, within(milliseconds), done));
}

/** The API key of a call. */
function under(text: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${text}`);
  return metadata;
}

/** No call should be without a deadline. */
function within(milliseconds: number): { deadline: number } {
  return { deadline: Date.now() + milliseconds };
}

/** How a call ends that must not succeed: the code, and what the details say. */
async function refusal(call: Promise<unknown>): Promise<{ code: string; reason?: string; field?: string }> {
  const ended = await call.then(
    (found) => Promise.reject(new Error(`not refused: ${show(found)}`)),
    (error: ServiceError) => error,
  );
  const found: { code: string; reason?: string; field?: string } = { code: status[ended.code] ?? "" };
  for (const packed of ended.metadata.get("grpc-status-details-bin")) {
    for (const detail of Status.decode(packed as Buffer).details) {
      if (detail.typeUrl.endsWith("/google.rpc.ErrorInfo")) {
        found.reason = ErrorInfo.decode(detail.value).reason;
      } else if (detail.typeUrl.endsWith("/google.rpc.BadRequest")) {
        found.field = BadRequest.decode(detail.value).fieldViolations[0]?.field ?? "";
      }
    }
  }
  return found;
}

function say(check: string, seen: object): void {
  console.log(show({ check, ...seen }));
}

/** JSON, in which a bigint is a text: a number there would lose digits beyond 2^53. */
function show(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part));
}
