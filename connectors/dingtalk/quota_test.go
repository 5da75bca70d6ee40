package dingtalk

import (
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/connectors/dingtalk/dingtalktest"
)

// The operator is told of withheld messages for as long as they come, in all forms.
func TestWithheldMessages(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	for i, form := range []dingtalktest.Withheld{
		dingtalktest.WithheldNumber, dingtalktest.WithheldString, dingtalktest.WithheldShortNumber, dingtalktest.WithheldShortString,
	} {
		if ev := r.said(t, cloud, dingtalktest.Message{Text: "hello", Withheld: form}); ev.Kind != connectors.KindQuota || ev.Text != "" {
			t.Errorf("form %d: %+v", form, ev)
		}
		if n := r.Counts().Withheld; n != int64(i+1) {
			t.Errorf("form %d: %d are counted", form, n)
		}
		if st := r.Status(); st.Problem != withheldProblem || st.Healthy() || st.State != connectors.Connected {
			t.Errorf("form %d: %+v", form, st)
		}
		r.said(t, cloud, dingtalktest.Message{Text: "hello"})
		if st := r.Status(); st.Problem != "" || !st.Healthy() {
			t.Errorf("form %d, afterwards: %+v", form, st)
		}
	}
	if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log, want one an hour:\n%s", n, r.log.String())
	}
}

func TestWithheldEvents(t *testing.T) {
	cloud, r := up(t, dingtalktest.Options{}, nil)
	id := cloud.Event(dingtalktest.Event{Type: "chat_quit", Data: map[string]any{"errCode": 20001}})
	must(t, cloud.WaitAck(patient(t), id))
	if st := r.Status(); st.Problem != withheldProblem {
		t.Errorf("%+v", st)
	}
	id = cloud.TitleChanged(clientID, "cid1==", "u1", "new")
	must(t, cloud.WaitAck(patient(t), id))
	if st := r.Status(); st.Problem != withheldProblem { // contact events come all the same
		t.Errorf("%+v", st)
	}
}

// A stream that is down is the greater problem.
func TestLinkProblemComesFirst(t *testing.T) {
	cloud := newCloud(t, dingtalktest.Options{})
	config := quick(cloud)
	config.ClientSecret = "wrong"
	r := newRobot(config, nil)
	r.withheld(true)
	r.run(t)
	eventually(t, "failed", func() bool { return r.Status().State == connectors.Failed })
	if st := r.Status(); st.Problem == "" || st.Problem == withheldProblem {
		t.Errorf("%+v", st)
	}
}

func TestWithheldIsToldOnceAnHour(t *testing.T) {
	var q withholding
	at := time.Unix(1_700_000_000, 0)
	for _, row := range []struct {
		after    time.Duration
		withheld bool
		tell     bool
	}{
		{0, false, false}, {0, true, true}, {time.Minute, true, false}, {2 * time.Minute, false, false}, {3 * time.Minute, true, false},
		{withheldEvery - 1, true, false}, {withheldEvery, true, true}, {withheldEvery + 1, true, false}, {3 * withheldEvery, false, false},
	} {
		if tell := q.saw(row.withheld, at.Add(row.after)); tell != row.tell || (q.problem() != "") != row.withheld {
			t.Errorf("after %s: %t, %q", row.after, tell, q.problem())
		}
	}
}
