package model

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"longwire/agent/model/modeltest"
)

// Each file in testdata/shapes is a response as one kind of endpoint sends it; the
// words are ours, the form is theirs.
var shapes = map[string]struct {
	text, thought string
	calls         []string
	usage         Usage // Endpoint and Model left out
	kind          Kind
}{
	"openai.sse":                 {text: "Hello there", usage: Usage{Prompt: 1219, Cached: 1024, Answer: 9, Reported: true}},
	"openai_calls.sse":           {calls: []string{`call_DdmO9pD3xa9XTPNJ32zg2hcA weather {"city":"Beijing"}`, `call_2ABO9pD3xa9XTPNJ32zg2hcB clock {}`}, usage: Usage{Prompt: 80, Answer: 33, Reported: true}},
	"azure.sse":                  {text: "Good day", usage: Usage{Prompt: 12, Answer: 3, Reported: true}},
	"azure_filtered.sse":         {text: "Once", kind: Filtered},
	"dashscope.sse":              {text: "你好！", thought: "嗯，用户在问好", usage: Usage{Prompt: 10, Answer: 360, Reasoning: 350, Reported: true}},
	"dashscope_calls.sse":        {calls: []string{`call_0aa1 weather {"city": "北京"}`}},
	"dashscope_native_error.sse": {kind: Busy},
	"deepseek.sse":               {text: "Hi!", thought: "The user greets me.", usage: Usage{Prompt: 139, Cached: 128, Answer: 21, Reasoning: 14, Reported: true}},
	"deepseek_resources.sse":     {kind: Cut},
	"moonshot.sse":               {text: "你好。", usage: Usage{Prompt: 19, Cached: 16, Answer: 13, Reported: true}},
	"zhipu.sse":                  {text: "您好", thought: "打招呼", usage: Usage{Prompt: 8, Cached: 4, Answer: 262, Reported: true}},
	"zhipu_sensitive.sse":        {text: "这", kind: Filtered},
	"zhipu_network.sse":          {kind: Cut},
	"zhipu_error.json":           {kind: Busy},
	"vllm.sse":                   {text: "\n\nFour.", thought: "Simple.\n", usage: Usage{Prompt: 17, Answer: 13, Reported: true}},
	"vllm_think.sse":             {text: "Four.", thought: "\ntwo and two"},
	"vllm_error.sse":             {kind: Unavailable},
	"ollama.sse":                 {text: "Hi you", thought: "Okay,", usage: Usage{Prompt: 11, Answer: 7, Reported: true}},
	"ollama_calls.sse":           {calls: []string{`call_a1 weather {"city":"Beijing"}`, `call_b2 clock {}`}},
	"litellm.sse":                {text: "Welcome", thought: "Greeting.", usage: Usage{Prompt: 9, Answer: 5, Reported: true}},
	"litellm_error.sse":          {kind: Busy},
	"mistral.sse":                {text: "Salut", thought: "Hm."},
	"function_call.sse":          {calls: []string{`call_1 weather {"city":"Beijing"}`}},
	"crlf.sse":                   {text: "line ends"},
	"whole.json":                 {text: "All at once", thought: "no hurry", usage: Usage{Prompt: 5, Answer: 6, Reported: true}},
	"whole_error.json":           {kind: Unavailable},
	"no_stream.html":             {kind: Unavailable},
}

func TestShapes(t *testing.T) {
	files, err := filepath.Glob("testdata/shapes/*")
	if err != nil || len(files) != len(shapes) {
		t.Fatalf("%d files for %d rows, %v", len(files), len(shapes), err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			want, ok := shapes[name]
			if !ok {
				t.Fatal("no row says what is to come of it")
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, contentType := range []string{"text/event-stream", "application/json"} { // neither can be relied on
				server := script(t, modeltest.Response{Raw: string(raw), Type: contentType})
				h := clientOf(t, at(server, Config{Attempts: 1})).ask(t.Context(), Request{})
				if h.text != want.text || h.thought != want.thought {
					t.Errorf("text %q, thought %q", h.text, h.thought)
				}
				var calls []string
				for _, c := range h.calls {
					calls = append(calls, fmt.Sprintf("%s %s %s", c.ID, c.Name, c.Arguments))
				}
				if !slices.Equal(calls, want.calls) {
					t.Errorf("calls %q", calls)
				}
				if want.kind != "" {
					if got := kind(t, h.err); got != want.kind {
						t.Errorf("%v is %s, want %s", h.err, got, want.kind)
					}
					continue
				}
				if h.err != nil {
					t.Fatal(h.err)
				}
				got := *h.usage
				got.Endpoint, got.Model = "", ""
				if got != want.usage {
					t.Errorf("usage %+v", got)
				}
			}
		})
	}
}

// What is known of failures, as bodies and as their meaning.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		who    string
		status int
		body   string
		want   Kind
		moves  bool // to another endpoint
	}{
		{"OpenAI, key", 401, `{"error":{"message":"Incorrect API key provided: sk-abc1********************wxyz. You can find your API key at …","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`, Key, true},
		{"OpenAI, country", 403, `{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","param":null,"type":"request_forbidden"}}`, Key, true},
		{"OpenAI, rate", 429, `{"error":{"message":"Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, Busy, true},
		{"OpenAI, money", 429, `{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`, Quota, true},
		{"OpenAI, length", 400, `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`, TooLong, false},
		{"OpenAI, model", 404, `{"error":{"message":"The model ` + "`gpt-9`" + ` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, Refused, true},
		{"OpenAI, parameter", 400, `{"error":{"message":"Unsupported value: 'temperature' does not support 0.3 with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}`, Refused, false},
		{"OpenAI, overloaded", 503, `{"error":{"message":"The engine is currently overloaded, please try again later","type":"server_error","param":null,"code":null}}`, Unavailable, true},
		{"Azure, filter", 400, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"}}}}}`, Filtered, false},
		{"Azure, key", 401, `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint."}}`, Key, true},
		{"Azure, gateway", 401, `{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect, or have expired." }`, Key, true},
		{"Azure, deployment", 404, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, Refused, true},
		{"DashScope, key", 401, `{"error":{"message":"Incorrect API key provided. ","type":"invalid_request_error","param":null,"code":"invalid_api_key"},"request_id":"6f8a"}`, Key, true},
		{"DashScope, filter", 400, `{"error":{"code":"data_inspection_failed","param":null,"message":"Input data may contain inappropriate content.","type":"data_inspection_failed"},"id":"chatcmpl-0","request_id":"0"}`, Filtered, false},
		{"DashScope, length", 400, `{"error":{"code":"invalid_parameter_error","param":null,"message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]","type":"invalid_request_error"}}`, TooLong, false},
		{"DashScope, money", 400, `{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","request_id":"0"}`, Quota, true},
		{"DashScope, free tier", 403, `{"error":{"code":"AllocationQuota.FreeTierOnly","message":"The free tier of the model has been exhausted.","type":"AllocationQuota.FreeTierOnly"}}`, Quota, true},
		{"DeepSeek, money", 402, `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`, Quota, true},
		{"DeepSeek, filter", 400, `{"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, Filtered, false},
		{"DeepSeek, model", 400, `{"error":{"message":"Model Not Exist","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, Refused, true},
		{"Moonshot, filter", 400, `{"error":{"message":"The request was rejected because it was considered high risk","type":"content_filter"}}`, Filtered, false},
		{"Moonshot, length", 400, `{"error":{"message":"Invalid request: Your request exceeded model token limit: 8192","type":"invalid_request_error"}}`, TooLong, false},
		{"Moonshot, money", 429, `{"error":{"message":"Your account is suspended, please check your plan and billing details","type":"exceeded_current_quota_error"}}`, Quota, true},
		{"Moonshot, engine", 429, `{"error":{"message":"The engine is currently overloaded, please try again later","type":"engine_overloaded_error"}}`, Busy, true},
		{"Zhipu, filter", 400, `{"contentFilter":[{"level":1,"role":"user"}],"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。"}}`, Filtered, false},
		{"Zhipu, money", 429, `{"error":{"code":"1113","message":"您的账户已欠费，请充值后重试"}}`, Quota, true},
		{"Zhipu, length", 400, `{"error":{"code":"1261","message":"Prompt 超长"}}`, TooLong, false},
		{"Zhipu, model", 400, `{"error":{"code":"1211","message":"模型不存在，请检查模型代码。"}}`, Refused, true},
		{"vLLM, length", 400, `{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}`, TooLong, false},
		{"vLLM, model", 404, `{"object":"error","message":"The model ` + "`x`" + ` does not exist.","type":"NotFoundError","param":null,"code":404}`, Refused, true},
		{"Ollama, model", 404, `{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}`, Refused, true},
		{"LiteLLM, budget", 400, `{"error":{"message":"litellm.ContextWindowExceededError: litellm.BadRequestError: prompt is too long: 210000 tokens > 200000 maximum","type":null,"param":null,"code":"400"}}`, TooLong, false},
		{"FastAPI", 422, `{"detail":[{"loc":["body","messages"],"msg":"field required","type":"value_error.missing"}]}`, Refused, false},
		{"Google", 400, `[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]`, Refused, false},
		{"gateway", 502, "<html><head><title>502 Bad Gateway</title></head></html>", Unavailable, true},
		{"nginx", 413, "<html><head><title>413 Request Entity Too Large</title></head></html>", TooLong, false},
		{"nobody", 500, "", Unavailable, true},
	} {
		server := script(t, modeltest.Response{Status: c.status, Raw: c.body + "\n", Type: "application/json"})
		err := clientOf(t, at(server, Config{Attempts: 1})).ask(t.Context(), Request{}).err
		if got := kind(t, err); got != c.want {
			t.Errorf("%s: %v is %s, want %s", c.who, err, got, c.want)
		}
		if e := err.(*Error); e.elsewhere() != c.moves || e.Message == "" || e.Status != c.status {
			t.Errorf("%s: %+v", c.who, e)
		}
	}
}

func FuzzFault(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"1302","message":"x"}}`))
	f.Add([]byte(`[{"error":"x"}]`))
	f.Add([]byte(`{"code":400,"message":{"detail":[]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		told := parseFault(body)
		if told.message == "" {
			t.Errorf("%q says nothing", body)
		}
		for _, status := range []int{200, 400, 401, 429, 500} {
			if kind, noModel := told.kind(status); kind == "" || noModel && kind != Refused {
				t.Errorf("%q with status %d is %q, %t", body, status, kind, noModel)
			}
		}
	})
}
