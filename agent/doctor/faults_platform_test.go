package doctor

import (
	"testing"

	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

var dingtalkFaults = []fault{
	{
		name: "dingtalk secret wrong", level: Failure, check: "credentials", subject: "ding", cause: "dingtalk_credentials", en: "client_secret is wrong", zh: "不正确",
		stage: func(_ *testing.T, w *world) { w.dingClientSecret = "another-secret" },
	},
	{
		name: "dingtalk address not allowed", level: Failure, check: "credentials", subject: "ding", cause: "address_refused", en: "this machine's address", zh: "IP 白名单",
		stage: func(_ *testing.T, w *world) {
			w.ding.FailRoute(dingtalktest.PathToken, dingtalktest.Failure{Status: 403, Body: `{"code":"Forbidden.AccessDenied.IpNotInWhiteList","message":"no"}`})
		},
	},
	{
		name: "dingtalk quota used up", level: Failure, check: "sending", subject: "ding", cause: "quota_used", en: "used up", zh: "已用完",
		stage: func(_ *testing.T, w *world) {
			w.ding.SetQuota(1, 0)
			w.report("--only", "platform")
		},
		also: []string{"quota_used"}, // of cards
	},
	{
		name: "dingtalk robot without permission", level: Warning, check: "sending", subject: "ding", cause: "dingtalk_permission", en: "qyapi_robot_sendmsg", zh: "缺少权限 qyapi_robot_sendmsg",
		stage: func(_ *testing.T, w *world) { w.ding.Revoke(dingID, dingtalktest.ScopeRobot) },
	},
	{
		name: "dingtalk cards without permission", level: Warning, check: "cards", subject: "ding", cause: "dingtalk_permission", en: "Card.Instance.Write", zh: "缺少权限",
		stage: func(_ *testing.T, w *world) { w.ding.Revoke(dingID, dingtalktest.ScopeCards) },
	},
	{
		name: "dingtalk cards are a must", level: Failure, check: "card stream", subject: "ding", cause: "dingtalk_permission", en: "Card.Streaming.Write", zh: "缺少权限",
		stage: func(_ *testing.T, w *world) {
			w.dingKeys = ", reply: card"
			w.ding.Revoke(dingID, dingtalktest.ScopeStreaming)
		},
	},
	{
		name: "dingtalk robot of another app", level: Failure, check: "sending", subject: "ding", cause: "robot_code", en: "robot code", zh: "robot_code",
		stage: func(_ *testing.T, w *world) { w.dingKeys = ", robot_code: dingsomebodyelse" },
	},
	{
		name: "dingtalk not in stream mode", level: Failure, check: "stream", subject: "ding", cause: "dingtalk_stream_mode", en: "opens no stream", zh: "拒绝",
		stage: func(_ *testing.T, w *world) {
			w.ding.FailRoute(dingtalktest.PathOpen, dingtalktest.Failure{Status: 400, Body: `{"code":"badRequest","message":"no"}`})
		},
	},
	{
		name: "dingtalk websocket blocked", level: Failure, check: "stream", subject: "ding", cause: "stream_refused", en: "HTTP 403", zh: "HTTP 403",
		stage: func(_ *testing.T, w *world) {
			w.ding.FailRoute(dingtalktest.PathConnect, dingtalktest.Failure{Status: 403})
		},
	},
	{
		name: "gateway in dingtalk's place", level: Failure, check: "credentials", subject: "ding", cause: "platform_gateway", en: "not the platform's API", zh: "并非平台接口",
		stage: func(_ *testing.T, w *world) {
			w.ding.FailRoute(dingtalktest.PathToken, dingtalktest.Failure{Status: 502, Body: "<html>Bad Gateway</html>"})
		},
	},
}

const feishuBotPath = "/open-apis/bot/v3/info"

var feishuFaults = []fault{
	{
		name: "feishu secret wrong", level: Failure, check: "credentials", subject: "lark", cause: "feishu_credentials", en: "app_secret is wrong", zh: "不正确",
		stage: func(_ *testing.T, w *world) { w.larkAppSecret = "another-secret" },
	},
	{
		name: "feishu app switched off", level: Failure, check: "credentials", subject: "lark", cause: "feishu_disabled", en: "switched off", zh: "已停用",
		stage: func(_ *testing.T, w *world) {
			w.lark.FailRoute("/open-apis/auth/v3/tenant_access_token/internal", feishutest.Failure{Body: `{"code":99991662,"msg":"app disabled"}`, Times: -1})
		},
	},
	{
		name: "feishu without a bot", level: Failure, check: "bot", subject: "lark", cause: "feishu_no_bot", en: "has no bot", zh: "没有机器人",
		stage: func(_ *testing.T, w *world) {
			w.lark.FailRoute(feishuBotPath, feishutest.Failure{Body: `{"code":11205,"msg":"app do not have bot"}`, Times: -1})
		},
	},
	{
		name: "feishu bot not active", level: Failure, check: "bot", subject: "lark", cause: "feishu_inactive", en: "activate_status 1", zh: "未处于启用状态",
		stage: func(_ *testing.T, w *world) {
			w.lark.FailRoute(feishuBotPath, feishutest.Failure{Body: `{"code":0,"bot":{"activate_status":1,"open_id":"ou_1","app_name":"x"}}`, Times: -1})
		},
	},
	{
		name: "feishu may not send", level: Failure, check: "sending", subject: "lark", cause: "feishu_scope", en: "im:message:send_as_bot", zh: "缺少权限",
		stage: func(t *testing.T, w *world) {
			scoped(t, w, "im:message:readonly", "cardkit:card:write", "im:chat:read", "im:message.reactions:write_only")
		},
	},
	{
		name: "feishu may not make cards", level: Warning, check: "cards", subject: "lark", cause: "feishu_scope", en: "cardkit:card:write", zh: "缺少权限",
		stage: func(t *testing.T, w *world) {
			scoped(t, w, "im:message:send_as_bot", "im:message:readonly", "im:chat:read", "im:message.reactions:write_only")
		},
	},
	{
		name: "feishu may not read quotes", level: Warning, check: "quotes", subject: "lark", cause: "feishu_scope", en: "im:message:readonly", zh: "缺少权限",
		stage: func(t *testing.T, w *world) {
			scoped(t, w, "im:message:send_as_bot", "cardkit:card:write", "im:chat:read", "im:message.reactions:write_only")
		},
	},
	{
		name: "feishu may not ask for departments", level: Failure, check: "departments", subject: "lark", cause: "feishu_scope", en: "contact:", zh: "缺少权限",
		stage: func(t *testing.T, w *world) {
			scoped(t, w, "im:message:send_as_bot", "im:message:readonly", "cardkit:card:write", "im:chat:read", "im:message.reactions:write_only")
			w.larkKeys = ", access: {allow: {departments: [od-1]}}"
		},
	},
	{
		name: "feishu quota used up", level: Failure, check: "bot", subject: "lark", cause: "quota_used", en: "used up", zh: "已用完",
		stage: func(_ *testing.T, w *world) {
			w.lark.FailRoute("/open-apis/bot/", feishutest.Failure{Status: 429, Body: `{"code":99991403,"msg":"quota"}`, Times: -1})
		},
	},
	{
		name: "feishu has too many streams", level: Failure, check: "stream", subject: "lark", cause: "feishu_too_many", en: "50 streams", zh: "50 个长连接",
		stage: func(_ *testing.T, w *world) { w.lark.RefuseBootstrap(1000040350, "too many", -1) },
	},
	{
		name: "feishu refuses the upgrade for too many", level: Failure, check: "stream", subject: "lark", cause: "feishu_too_many", en: "50 streams", zh: "50 个长连接",
		stage: func(_ *testing.T, w *world) { w.lark.RefuseHandshake(403, 514, 1000040350, -1) },
	},
	{
		name: "feishu opens no stream", level: Failure, check: "stream", subject: "lark", cause: "feishu_stream_refused", en: "opens no stream", zh: "拒绝",
		stage: func(_ *testing.T, w *world) { w.lark.RefuseBootstrap(514, "auth failed", -1) },
	},
}

// scoped gives the Feishu app these scopes and no others.
func scoped(t *testing.T, w *world, scopes ...string) {
	t.Helper()
	s, err := feishutest.Start(feishutest.Options{Apps: []feishutest.App{{AppID: larkID, AppSecret: larkSecret, Scopes: scopes}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	w.larkEndpoint = s.URL()
}
