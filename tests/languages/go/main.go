// Calls Tollhouse from Go; README.md beside it tells what it is generated with.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	tollhouse "calls/gen/tollhouse/v1"
)

var names = map[codes.Code]string{
	codes.InvalidArgument:  "INVALID_ARGUMENT",
	codes.Unauthenticated:  "UNAUTHENTICATED",
	codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
}

func main() {
	channel := connect(os.Getenv("TOLLHOUSE_ADDRESS"))
	usage := tollhouse.NewUsageServiceClient(channel)
	accounts := tollhouse.NewAccountServiceClient(channel)
	credits := tollhouse.NewCreditsServiceClient(channel)
	ada := &tollhouse.Subject{UserId: "ada-go"}

	call, cancel := under(os.Getenv("TOLLHOUSE_API_KEY"), 10*time.Second)
	defer cancel()
	_, err := accounts.UpsertUser(call, &tollhouse.UpsertUserRequest{UserId: "ada-go", IdempotencyKey: "make-ada-go"})
	expect(err)

	event := &tollhouse.RecordUsageRequest{
		Subject: ada, Product: "talk", Meter: "voice_minutes", Quantity: 3, IdempotencyKey: "call-go-1",
	}
	first, err := usage.RecordUsage(call, event)
	expect(err)
	again, err := usage.RecordUsage(call, event)
	expect(err)
	say("unary", "new_usage", first.NewUsage, "replayed", first.Replayed, "again_replayed", again.Replayed)

	event = &tollhouse.RecordUsageRequest{
		Subject: ada, Product: "talk", Meter: "voice_minutes", Quantity: 0, IdempotencyKey: "call-go-2",
	}
	_, err = usage.RecordUsage(call, event)
	reason, field := details(err)
	say("error", "code", names[status.Code(err)], "reason", reason, "field", field)

	stranger, cancelStranger := under("not-a-key", 10*time.Second)
	defer cancelStranger()
	_, err = usage.RecordUsage(stranger, event)
	reason, _ = details(err)
	say("key", "code", names[status.Code(err)], "reason", reason)

	_, err = credits.GrantCredits(call, &tollhouse.GrantCreditsRequest{
		Subject: ada, AmountNanos: 9_007_199_254_740_993, Currency: "usd",
		Category: tollhouse.GrantCategory_GRANT_CATEGORY_PAID, IdempotencyKey: "grant-go-1",
	})
	expect(err)
	balance, err := credits.GetBalance(call, &tollhouse.GetBalanceRequest{Subject: ada})
	expect(err)
	say("int64", "total_nanos", balance.Balance.TotalNanos)

	stalled := tollhouse.NewUsageServiceClient(connect(os.Getenv("STALLED_ADDRESS")))
	hurried, cancelHurried := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancelHurried()
	_, err = stalled.RecordUsage(hurried, event)
	say("deadline", "code", names[status.Code(err)])

	health := grpc_health_v1.NewHealthClient(channel)
	checked, err := health.Check(call, &grpc_health_v1.HealthCheckRequest{Service: "tollhouse.v1.UsageService"})
	expect(err)
	say("health", "status", checked.Status.String())
}

func connect(address string) *grpc.ClientConn {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	expect(err)
	return channel
}

// A call under an API key, with a deadline: no call should be without one.
func under(key string, timeout time.Duration) (context.Context, context.CancelFunc) {
	call := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
	return context.WithTimeout(call, timeout)
}

// Why a call was refused: the reason, and the first field that is named.
func details(err error) (reason, field string) {
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason
		case *errdetails.BadRequest:
			field = detail.FieldViolations[0].Field
		}
	}
	return reason, field
}

func say(check string, pairs ...any) {
	line := map[string]any{"check": check}
	for i := 0; i < len(pairs); i += 2 {
		line[pairs[i].(string)] = pairs[i+1]
	}
	expect(json.NewEncoder(os.Stdout).Encode(line))
}

func expect(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
