package metrics

import "github.com/prometheus/client_golang/prometheus"

// The buckets, in seconds. A platform waits 3 s for an ack; its API answers in tens to
// hundreds of milliseconds, and half a second is what its operators hold it to; people
// notice the first second, and give up after a minute or so; a long answer with tools
// takes minutes.
var (
	ackBuckets   = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3}
	callBuckets  = []float64{.025, .05, .1, .2, .3, .5, .75, 1, 2, 5, 15}
	storeBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 3}
	waitBuckets  = []float64{.01, .05, .1, .5, 1, 2, 5, 15, 60, 300, 1800}
	firstBuckets = []float64{.1, .25, .5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60}
	wholeBuckets = []float64{.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600}
)

// links is how the streams are.
type links struct {
	up, healthy, frameAge, silence, connects, failed reading
	reconnects                                       *prometheus.CounterVec
	ack                                              *prometheus.HistogramVec
}

func (p *page) links() links {
	return links{
		up:         p.gauge("longwire_connection_up", "1 while the stream is up, else 0. Whether it is heard of is the age of its last frame.", "connection", "platform"),
		healthy:    p.gauge("longwire_connection_healthy", "1 while the connection hears and can answer everybody: the stream is up and nothing else is amiss.", "connection", "platform"),
		frameAge:   p.gauge("longwire_connection_last_frame_age_seconds", "Time since the platform was last heard of, pings included.", "connection", "platform"),
		silence:    p.gauge("longwire_connection_silence_limit_seconds", "How old the last frame may be: past that a stream that is up is deaf. It follows from keepalive.", "connection", "platform"),
		connects:   p.count("longwire_connection_connects_total", "How often the stream came up.", "connection", "platform"),
		failed:     p.gauge("longwire_connection_failed_attempts", "Attempts that failed since the stream was last up.", "connection", "platform"),
		reconnects: p.counter("longwire_connection_ends_total", "Streams that ended and attempts that failed, by reason: \"let go\" is the platform's own wish.", "connection", "platform", "reason"),
		ack:        p.histogram("longwire_ack_seconds", "From a frame with an event to its ack. The platforms wait 3 s.", ackBuckets, "connection", "platform"),
	}
}

// events is what becomes of what people write.
type events struct {
	in, duplicates, refused, turnedAway, malformed, withheld, repeats reading
	panics, waiting, running, notAllowed, owed                        reading
	turns, taken, takenAgain, lost                                    *prometheus.CounterVec
	wait, firstWord, answer                                           *prometheus.HistogramVec
}

func (p *page) events() events {
	return events{
		in:         p.count("longwire_events_total", "Events that came in, redeliveries included.", "connection"),
		duplicates: p.count("longwire_events_duplicate_total", "Events that were known already, and are not answered again.", "connection"),
		refused:    p.count("longwire_events_refused_total", "Events that could not be stored and were not acked: the platform sends them again.", "connection"),
		turnedAway: p.count("longwire_events_turned_away_total", "Events that were not taken because too many wait; their people were told.", "connection"),
		malformed:  p.count("longwire_frames_malformed_total", "Frames that could not be read.", "connection"),
		withheld:   p.count("longwire_events_withheld_total", "Messages that the platform sent without what they say: its monthly quota is used up.", "connection"),
		repeats:    p.count("longwire_replies_repeated_total", "Messages sent that may have been seen before, because a crash came in between.", "connection"),
		panics:     p.count("longwire_panics_total", "Panics that were contained; each is in the log with its stack.", "connection", "where"),
		waiting:    p.gauge("longwire_events_waiting", "Events that are not done, those being answered included, over all replicas.", "connection"),
		running:    p.gauge("longwire_turns_running", "Turns under way in this process: the leases that it holds.", "connection"),
		notAllowed: p.count("longwire_questions_refused_total", "Questions that were not answered because their person may not ask, or has asked too much, by kind.", "connection", "kind"),
		owed:       p.gauge("longwire_grants_owed", "Token counts that are not in the store yet, because it was away.", "connection"),
		turns:      p.counter("longwire_turns_total", "Turns, by outcome: answered, failed (the person read an error), skipped (by a rule), dead (given up), released (to be taken again).", "connection", "outcome"),
		taken:      p.counter("longwire_leases_taken_total", "Conversations taken in hand.", "connection"),
		takenAgain: p.counter("longwire_leases_taken_again_total", "Of these, events that an earlier attempt had not settled.", "connection"),
		lost:       p.counter("longwire_leases_lost_total", "Leases that were over before their turn: another replica may have the conversation.", "connection"),
		wait:       p.histogram("longwire_wait_seconds", "From the arrival of a question to the beginning of its turn.", waitBuckets, "connection"),
		firstWord:  p.histogram("longwire_first_word_seconds", "From the arrival of a question to the first visible word of a model's answer.", firstBuckets, "connection"),
		answer:     p.histogram("longwire_answer_seconds", "From the arrival of a question to the end of a model's answer.", wholeBuckets, "connection"),
	}
}

// api is how the platforms' APIs answer.
type api struct {
	calls, cards             *prometheus.CounterVec
	seconds                  *prometheus.HistogramVec
	budget, used, budgetLeft reading
}

func (p *page) api() api {
	return api{
		calls:      p.counter("longwire_api_calls_total", "Calls of the platform's API, by code: \"ok\", the platform's own, \"http N\", \"none\" where there was no answer, \"other\" past 50 codes of one call.", "connection", "platform", "call", "code"),
		cards:      p.counter("longwire_card_frames_total", "Of these, calls that make or change a card, by whether they worked.", "connection", "platform", "ok"),
		seconds:    p.histogram("longwire_api_call_seconds", "How long calls of the platform's API took.", callBuckets, "connection", "platform", "call"),
		budget:     p.gauge("longwire_api_budget_calls", "The month's budget of API calls; absent where there is none.", "connection", "platform"),
		used:       p.gauge("longwire_api_budget_used_calls", "What is spent of it, by all replicas.", "connection", "platform"),
		budgetLeft: p.gauge("longwire_api_budget_left_calls", "What is left of it, never below 0.", "connection", "platform"),
	}
}

// models is how the models' endpoints answer.
type models struct {
	requests, tokens, cached, reasoning, failovers   *prometheus.CounterVec
	first, seconds                                   *prometheus.HistogramVec
	resting, inFlight, keys, keysResting, keyExpires reading
	failures, answers                                reading
}

func (p *page) models() models {
	return models{
		requests:    p.counter("longwire_model_requests_total", "Requests to a model's endpoint, by outcome: \"ok\", \"stopped\" (the person or the program stopped it), or why it failed.", "endpoint", "model", "outcome"),
		first:       p.histogram("longwire_model_first_token_seconds", "From a request to its first sign of life.", firstBuckets, "endpoint", "model"),
		seconds:     p.histogram("longwire_model_request_seconds", "How long requests took in all, those that failed included.", wholeBuckets, "endpoint", "model"),
		tokens:      p.counter("longwire_model_tokens_total", "Tokens, as the endpoint counts them: kind prompt or answer.", "endpoint", "model", "kind"),
		cached:      p.counter("longwire_model_cached_tokens_total", "Of the prompt's tokens, those that the endpoint had read before.", "endpoint", "model"),
		reasoning:   p.counter("longwire_model_reasoning_tokens_total", "Of the answer's tokens, those that were thoughts.", "endpoint", "model"),
		failovers:   p.counter("longwire_model_failovers_total", "Questions that went from one endpoint to another, by why.", "from", "to", "reason"),
		answers:     p.gauge("longwire_model_answers", "1 while the model, as people choose it, has an endpoint that may be asked and has not failed three times in a row, else 0; default is yes where it answers without being chosen.", "choice", "default"),
		failures:    p.gauge("longwire_model_failures_in_a_row", "Requests that the endpoint has failed since it last answered one.", "endpoint", "model"),
		resting:     p.gauge("longwire_model_resting", "1 while the endpoint rests after failures or because it asked to, else 0.", "endpoint", "model"),
		inFlight:    p.gauge("longwire_model_requests_running", "Requests under way.", "endpoint", "model"),
		keys:        p.gauge("longwire_model_keys", "Keys of the endpoint.", "endpoint", "model"),
		keysResting: p.gauge("longwire_model_keys_resting", "Of these, refused ones and those asked too often.", "endpoint", "model"),
		keyExpires:  p.gauge("longwire_model_key_expiry_timestamp_seconds", "When the endpoint's key ends, as Unix time; absent where nobody knows.", "endpoint", "model"),
	}
}

// tools is how the tool servers are.
type tools struct{ up, restarts, count reading }

func (p *page) tools() tools {
	return tools{
		up:       p.gauge("longwire_tool_server_up", "1 while the tool server can be called, else 0.", "server"),
		restarts: p.count("longwire_tool_server_restarts_total", "How often the tool server came up again.", "server"),
		count:    p.gauge("longwire_tool_server_tools", "Tools that can be called now.", "server"),
	}
}

// store is how the store does.
type store struct {
	seconds     *prometheus.HistogramVec
	errors      *prometheus.CounterVec
	up, spooled reading
}

func (p *page) store() store {
	return store{
		seconds: p.histogram("longwire_store_call_seconds", "How long calls of the store took: accept, renew, note, done, release, ping.", storeBuckets, "call"),
		errors:  p.counter("longwire_store_errors_total", "Calls of the store that failed.", "call"),
		up:      p.gauge("longwire_store_up", "1 if the store answered during this scrape and would take an event, else 0."),
		spooled: p.gauge("longwire_spool_events", "Events in the spool's file, until the store is back; absent where there is no spool."),
	}
}

// process is how the program and its machine are. Prometheus' own figures of the
// process (process_…) and of the Go runtime (go_…) are there besides.
type process struct {
	build                                            *prometheus.GaugeVec
	healthy, degraded, linesLost, diskSize, diskFree reading
}

func (p *page) process() process {
	return process{
		build:     p.set("longwire_build_info", "1, with the version of the program and of Go.", "version", "goversion"),
		healthy:   p.gauge("longwire_healthy", "1 while /api/health answers 200: a message that comes now would be heard, stored and answered; else 0."),
		degraded:  p.gauge("longwire_degraded", "1 while everybody is answered and something has to be mended all the same, such as a configuration file that is not taken up; else 0."),
		linesLost: p.count("longwire_log_lines_lost_total", "Lines that could not be written to a log file.", "log"),
		diskSize:  p.gauge("longwire_disk_size_bytes", "The size of the file system on which something is kept.", "disk"),
		diskFree:  p.gauge("longwire_disk_free_bytes", "What is free of it for the program.", "disk"),
	}
}
