// Command loadgen calls one gRPC method from many callers and says how that went.
//
// It knows neither protobuf nor gRPC libraries: requests are templates made elsewhere, in which each call writes fresh
// idempotency keys at known offsets, and gRPC is spoken by the standard library's HTTP/2. So it builds offline in
// seconds and spends little of a core. Every call's status is read, and of bulk answers every item's.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keyLength      = 32
	secondsMax     = 600
	callersMax     = 16384
	answerBytesMax = 16 << 20
)

// Template is a request's bytes and where its idempotency keys stand.
type Template struct {
	Body []byte `json:"body"`
	Keys []int  `json:"keys"`
}

// Plan is the content of the templates file. Bulk says that answers hold one result per item; calls carry the API key
// if there is one.
type Plan struct {
	Method    string     `json:"method"`
	Bulk      bool       `json:"bulk"`
	APIKey    string     `json:"api_key"`
	Templates []Template `json:"templates"`
}

// Pace is how callers call. Without a rate each calls again when it has its answer (a closed loop); with one, calls
// begin at that many a second whatever becomes of them (an open loop), as long as there are callers left to make them.
type Pace struct {
	Rate    float64
	Timeout time.Duration
	Pause   time.Duration // after a failure, as a retry policy waits: doubled by each one in a row
	Longest time.Duration // what it is doubled up to; 0: it is not doubled
}

// Report is what is printed. Rates and latencies are of the measured window, `stored` and errors of the whole run.
// Latencies of an open loop count from when the call was due. `refused` are those of answers with UNAVAILABLE to calls
// of the window, `late` is how long after it was due a call of an open loop began: much of it, and the generator was the limit.
type Report struct {
	Calls      int            `json:"calls"`
	Errors     map[string]int `json:"errors"`
	ItemErrors map[string]int `json:"item_errors"`
	Seconds    float64        `json:"seconds"`
	Rate       float64        `json:"rate"`
	ItemRate   float64        `json:"item_rate"`
	P50Ms      float64        `json:"p50_ms"`
	P99Ms      float64        `json:"p99_ms"`
	Stored     int            `json:"stored"`

	RefusedP50Ms float64 `json:"refused_p50_ms"`
	RefusedP99Ms float64 `json:"refused_p99_ms"`
	LateP50Ms    float64 `json:"late_p50_ms"`
	LateP99Ms    float64 `json:"late_p99_ms"`
}

// caller is one goroutine's own state, merged at the end.
type caller struct {
	index      int
	sequence   uint32
	client     *http.Client
	url        string
	pace       Pace
	latencies  []time.Duration
	refused    []time.Duration
	late       []time.Duration
	calls      float64
	items      float64
	stored     int
	errors     map[string]int
	itemErrors map[string]int
}

func main() {
	target := flag.String("target", "", "loopback address of the server, host:port")
	templates := flag.String("templates", "", "file with the plan, JSON")
	callers := flag.Int("callers", 1, "concurrent callers")
	connections := flag.Int("connections", 4, "connections that the callers share")
	seconds := flag.Float64("seconds", 1, "length of the measured window")
	warmup := flag.Float64("warmup", 0.3, "seconds before the window")
	rate := flag.Float64("rate", 0, "calls per second, in an open loop; 0: a closed loop")
	timeout := flag.Float64("timeout", 30, "deadline of a call in seconds")
	pause := flag.Float64("pause", 0, "seconds that a caller waits after a failure")
	pauseMax := flag.Float64("pause-max", 0, "failures in a row double the pause, up to so many seconds; 0: they do not")
	once := flag.Bool("once", false, "send each template once instead of for a time")
	flag.Parse()
	pace := Pace{*rate, duration(*timeout), duration(*pause), duration(*pauseMax)}
	if err := run(*target, *templates, *callers, *connections, *seconds, *warmup, pace, *once); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}

func run(target, templates string, callers, connections int, seconds, warmup float64, pace Pace, once bool) error {
	host, _, err := net.SplitHostPort(target)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return fmt.Errorf("%q is not an address on loopback", target)
	}
	if callers < 1 || callers > callersMax || connections < 1 || seconds <= 0 || seconds+warmup > secondsMax ||
		pace.Rate < 0 || pace.Timeout <= 0 || pace.Pause < 0 || pace.Longest < 0 {
		return errors.New("out of bounds: callers, connections, seconds, rate, timeout or pause")
	}
	text, err := os.ReadFile(templates)
	if err != nil {
		return err
	}
	var plan Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return err
	}
	if len(plan.Templates) == 0 {
		return errors.New("no templates")
	}
	clients := make([]*http.Client, min(connections, callers))
	for i := range clients {
		clients[i] = newClient()
	}
	begin := time.Now()
	windowStart := begin.Add(time.Duration(warmup * float64(time.Second)))
	windowEnd := windowStart.Add(time.Duration(seconds * float64(time.Second)))
	if once {
		windowStart, windowEnd = begin, begin.Add(secondsMax*time.Second)
	}
	var next atomic.Int64
	var done sync.WaitGroup
	all := make([]*caller, callers)
	for i := range all {
		c := &caller{index: i, client: clients[i%len(clients)], url: "http://" + target + plan.Method,
			pace: pace, errors: map[string]int{}, itemErrors: map[string]int{}}
		all[i] = c
		done.Add(1)
		go func() {
			defer done.Done()
			var pause time.Duration
			for time.Now().Before(windowEnd) {
				n := int(next.Add(1) - 1)
				if once && n >= len(plan.Templates) {
					return
				}
				sent := time.Now()
				if pace.Rate > 0 {
					sent = begin.Add(time.Duration(float64(n) / pace.Rate * float64(time.Second)))
					if sent.After(windowEnd) {
						return
					}
					time.Sleep(time.Until(sent))
					c.late = append(c.late, time.Since(sent))
				}
				items, err := c.call(&plan, n%len(plan.Templates))
				c.count(items, err, sent, windowStart, windowEnd)
				pause = pace.after(pause, err)
				if pause > 0 {
					time.Sleep(time.Duration(float64(pause) * (0.8 + 0.4*rand.Float64()))) // gRPC varies it by a fifth
				}
			}
		}()
	}
	done.Wait()
	length := windowEnd.Sub(windowStart)
	if once {
		length = time.Since(begin)
	}
	return json.NewEncoder(os.Stdout).Encode(merge(all, length))
}

// after is how long a caller waits once a call has ended: `last` is how long it waited before that call.
func (p Pace) after(last time.Duration, err error) time.Duration {
	switch {
	case err == nil:
		return 0
	case last == 0 || p.Longest == 0:
		return p.Pause
	default:
		return min(2*last, p.Longest)
	}
}

// newClient keeps one connection of its own, in clear-text HTTP/2.
func newClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: protocols, DisableCompression: true}}
}

// call sends one template with fresh keys and counts the items that were stored.
func (c *caller) call(plan *Plan, n int) (int, error) {
	template := &plan.Templates[n]
	size := len(template.Body)
	body := make([]byte, 5+size) // gRPC's frame: not compressed, length, message
	binary.BigEndian.PutUint32(body[1:], uint32(size))
	copy(body[5:], template.Body)
	for _, offset := range template.Keys {
		c.putKey(body[5+offset : 5+offset+keyLength])
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.pace.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header["Content-Type"] = []string{"application/grpc"}
	request.Header["Te"] = []string{"trailers"}
	request.Header["Grpc-Timeout"] = []string{strconv.FormatInt(c.pace.Timeout.Milliseconds(), 10) + "m"}
	if plan.APIKey != "" {
		request.Header["X-Api-Key"] = []string{plan.APIKey}
	}
	response, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return 0, err
	}
	status := response.Trailer.Get("Grpc-Status")
	if status == "" {
		status = response.Header.Get("Grpc-Status") // an answer without a message has no trailers of its own
	}
	if status != "0" {
		return 0, statusError(status)
	}
	if len(answer) < 5 {
		return 0, errors.New("no message")
	}
	if !plan.Bulk {
		return len(template.Keys), nil
	}
	return c.countItems(answer[5:])
}

// putKey writes a key that sorts by time and is never repeated: nanoseconds, caller, sequence, in hexadecimal.
func (c *caller) putKey(target []byte) {
	c.sequence++
	copy(target, fmt.Sprintf("%016x%08x%08x", time.Now().UnixNano(), c.index, c.sequence))
}

// countItems walks a BatchRecordUsageResponse: results = 1, each with recorded = 1 or error = 2, which has code = 1.
func (c *caller) countItems(message []byte) (int, error) {
	stored := 0
	for len(message) > 0 {
		length, width := binary.Uvarint(message[1:])
		end := 1 + width + int(length)
		if message[0] != 1<<3|2 || width <= 0 || length == 0 || end > len(message) {
			return 0, errors.New("not an answer to a batch")
		}
		result := message[1+width : end]
		switch {
		case result[0] == 1<<3|2:
			stored++
		case result[0] == 2<<3|2 && len(result) > 3 && result[2] == 1<<3:
			c.itemErrors[nameOf(statusError(strconv.Itoa(int(result[3]))))]++
		default:
			c.itemErrors["neither recorded nor an error"]++
		}
		message = message[end:]
	}
	return stored, nil
}

func (c *caller) count(items int, err error, sent, windowStart, windowEnd time.Time) {
	now := time.Now()
	if err != nil {
		// Counted whenever they happen: a warm-up that fails is a failed run.
		name := nameOf(err)
		c.errors[name]++
		if name == "UNAVAILABLE" && !sent.Before(windowStart) {
			c.refused = append(c.refused, now.Sub(sent))
		}
		return
	}
	c.stored += items
	if !now.Before(windowStart) && !now.After(windowEnd) {
		c.latencies = append(c.latencies, now.Sub(sent))
	}
	// A call counts by the share of its time that lies in the window, so that a few long calls do not make it ragged.
	from, to := later(sent, windowStart), earlier(now, windowEnd)
	if share := float64(to.Sub(from)) / float64(now.Sub(sent)); share > 0 {
		c.calls += share
		c.items += share * float64(items)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

type statusError string

func (s statusError) Error() string { return "status " + string(s) }

var statusNames = []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func nameOf(err error) string {
	var status statusError
	if errors.As(err, &status) {
		if code, err := strconv.Atoi(string(status)); err == nil && code >= 0 && code < len(statusNames) {
			return statusNames[code]
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "DEADLINE_EXCEEDED"
	}
	return err.Error()
}

func merge(all []*caller, length time.Duration) Report {
	report := Report{Errors: map[string]int{}, ItemErrors: map[string]int{}, Seconds: length.Seconds()}
	var latencies, refused, late []time.Duration
	for _, c := range all {
		latencies = append(latencies, c.latencies...)
		refused = append(refused, c.refused...)
		late = append(late, c.late...)
		report.Rate += c.calls / report.Seconds
		report.ItemRate += c.items / report.Seconds
		report.Stored += c.stored
		for name, count := range c.errors {
			report.Errors[name] += count
		}
		for name, count := range c.itemErrors {
			report.ItemErrors[name] += count
		}
	}
	report.Calls = len(latencies)
	report.P50Ms, report.P99Ms = quantiles(latencies)
	report.LateP50Ms, report.LateP99Ms = quantiles(late)
	report.RefusedP50Ms, report.RefusedP99Ms = quantiles(refused)
	return report
}

// quantiles are the median and the 99th percentile in milliseconds; 0 of nothing.
func quantiles(taken []time.Duration) (float64, float64) {
	if len(taken) == 0 {
		return 0, 0
	}
	slices.Sort(taken)
	at := func(i int) float64 { return float64(taken[i].Microseconds()) / 1000 }
	return at(len(taken) / 2), at(len(taken) * 99 / 100)
}
