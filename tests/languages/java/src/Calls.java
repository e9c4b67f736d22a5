import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.concurrent.TimeUnit;
import tollhouse.v1.AccountServiceGrpc;
import tollhouse.v1.CreditsServiceGrpc;
import tollhouse.v1.GetBalanceRequest;
import tollhouse.v1.GrantCategory;
import tollhouse.v1.GrantCreditsRequest;
import tollhouse.v1.RecordUsageRequest;
import tollhouse.v1.Subject;
import tollhouse.v1.UpsertUserRequest;
import tollhouse.v1.UsageServiceGrpc;
import tollhouse.v1.UsageServiceGrpc.UsageServiceBlockingStub;

/** Calls Tollhouse from Java; README.md beside it tells what it is generated with. */
public final class Calls {
  public static void main(String[] arguments) throws InvalidProtocolBufferException {
    ManagedChannel channel = connect(System.getenv("TOLLHOUSE_ADDRESS"));
    ManagedChannel stalled = connect(System.getenv("STALLED_ADDRESS"));
    try {
      call(channel, stalled);
    } finally {
      channel.shutdownNow();
      stalled.shutdownNow();
    }
  }

  private static void call(ManagedChannel channel, ManagedChannel stalledChannel)
      throws InvalidProtocolBufferException {
    ClientInterceptor key = key(System.getenv("TOLLHOUSE_API_KEY"));
    var usage = UsageServiceGrpc.newBlockingStub(channel).withInterceptors(key);
    var accounts = AccountServiceGrpc.newBlockingStub(channel).withInterceptors(key);
    var credits = CreditsServiceGrpc.newBlockingStub(channel).withInterceptors(key);
    var ada = Subject.newBuilder().setUserId("ada-java").build();

    accounts
        .withDeadlineAfter(10, TimeUnit.SECONDS)
        .upsertUser(UpsertUserRequest.newBuilder().setUserId("ada-java").setIdempotencyKey("make-ada-java").build());
    var event =
        RecordUsageRequest.newBuilder()
            .setSubject(ada)
            .setProduct("talk")
            .setMeter("voice_minutes")
            .setQuantity(3)
            .setIdempotencyKey("call-java-1")
            .build();
    var first = usage.withDeadlineAfter(10, TimeUnit.SECONDS).recordUsage(event);
    var again = usage.withDeadlineAfter(10, TimeUnit.SECONDS).recordUsage(event);
    say("""
        {"check": "unary", "new_usage": %d, "replayed": %b, "again_replayed": %b}""",
        first.getNewUsage(), first.getReplayed(), again.getReplayed());

    var nothing = event.toBuilder().setQuantity(0).setIdempotencyKey("call-java-2").build();
    var refusal = refusal(usage.withDeadlineAfter(10, TimeUnit.SECONDS), nothing);
    say("""
        {"check": "error", "code": "%s", "reason": "%s", "field": "%s"}""",
        refusal.getStatus().getCode(), reason(refusal), field(refusal));

    var stranger = UsageServiceGrpc.newBlockingStub(channel).withInterceptors(key("not-a-key"));
    refusal = refusal(stranger.withDeadlineAfter(10, TimeUnit.SECONDS), event);
    say("""
        {"check": "key", "code": "%s", "reason": "%s"}""",
        refusal.getStatus().getCode(), reason(refusal));

    credits
        .withDeadlineAfter(10, TimeUnit.SECONDS)
        .grantCredits(
            GrantCreditsRequest.newBuilder()
                .setSubject(ada)
                .setAmountNanos(9_007_199_254_740_993L)
                .setCurrency("usd")
                .setCategory(GrantCategory.GRANT_CATEGORY_PAID)
                .setIdempotencyKey("grant-java-1")
                .build());
    var balance =
        credits
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .getBalance(GetBalanceRequest.newBuilder().setSubject(ada).build());
    say("""
        {"check": "int64", "total_nanos": %d}""", balance.getBalance().getTotalNanos());

    var stalled = UsageServiceGrpc.newBlockingStub(stalledChannel);
    refusal = refusal(stalled.withDeadlineAfter(200, TimeUnit.MILLISECONDS), event);
    say("""
        {"check": "deadline", "code": "%s"}""", refusal.getStatus().getCode());

    var health =
        HealthGrpc.newBlockingStub(channel)
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .check(HealthCheckRequest.newBuilder().setService("tollhouse.v1.UsageService").build());
    say("""
        {"check": "health", "status": "%s"}""", health.getStatus());
  }

  private static ManagedChannel connect(String address) {
    return ManagedChannelBuilder.forTarget(address).usePlaintext().build();
  }

  private static ClientInterceptor key(String text) {
    var headers = new Metadata();
    headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + text);
    return MetadataUtils.newAttachHeadersInterceptor(headers);
  }

  /** How a call ends that must not succeed. */
  private static StatusRuntimeException refusal(UsageServiceBlockingStub usage, RecordUsageRequest event) {
    try {
      throw new IllegalStateException("not refused: " + usage.recordUsage(event));
    } catch (StatusRuntimeException refusal) {
      return refusal;
    }
  }

  /** Why it was refused. */
  private static String reason(StatusRuntimeException refusal) throws InvalidProtocolBufferException {
    for (var detail : StatusProto.fromThrowable(refusal).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        return detail.unpack(ErrorInfo.class).getReason();
      }
    }
    return "";
  }

  /** The first field that it names. */
  private static String field(StatusRuntimeException refusal) throws InvalidProtocolBufferException {
    for (var detail : StatusProto.fromThrowable(refusal).getDetailsList()) {
      if (detail.is(BadRequest.class)) {
        return detail.unpack(BadRequest.class).getFieldViolations(0).getField();
      }
    }
    return "";
  }

  private static void say(String line, Object... values) {
    System.out.println(line.formatted(values));
  }
}
