package dingtalk

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// A delivery that is in hand when the program stops is acked: nobody would ack it
// later.
func TestStopAcksWhatIsInHand(t *testing.T) {
	release := make(chan struct{})
	cloud := newCloud(t, dingtalktest.Options{RedeliverMax: -1})
	r := newRobot(quick(cloud), func(context.Context, connectors.Event) error { <-release; return nil })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	must(t, cloud.WaitConnections(patient(t), 1))
	id := cloud.Say(dingtalktest.Message{Text: "last words"})
	r.event(t)
	cancel()
	select {
	case <-done:
		t.Error("Run returned with an event in hand")
	case <-time.After(50 * time.Millisecond): // enough to close the socket, if anybody would
	}
	close(release)
	next(t, done, "the end of Run")
	must(t, cloud.WaitAck(patient(t), id))
	if st := r.Status(); st.State != connectors.Stopped || st.Problem != "" {
		t.Errorf("%+v", st)
	}
}

func TestRunLeavesNothingBehind(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	before := goleak.IgnoreCurrent()
	r := newRobot(quick(cloud), nil)
	stop := r.run(t)
	must(t, cloud.WaitConnections(patient(t), 1))
	ev := r.said(t, cloud, dingtalktest.Message{Text: "hello", WebhookExpired: true})
	must(t, answerTo(t.Context(), r, ev, words("answer")))
	must(t, cloud.WaitAck(patient(t), ev.ID[len(clientID)+1:]))
	stop()
	must(t, goleak.Find(before)) // the cloud is still there, so no connection has ended but by us
	if n := len(cloud.Sent()); n != 1 {
		t.Errorf("%d messages sent", n)
	}
}
