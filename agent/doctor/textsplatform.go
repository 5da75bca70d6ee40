package doctor

// Of both platforms.
var (
	credentialsGood = &cause{"credentials_good", Text{"the platform takes them", "平台已接受"}, Text{}}
	scopeGood       = &cause{"permission_good", Text{"the permission is there (%[1]s)", "已有权限（%[1]s）"}, Text{}}
	platformAway    = &cause{"platform_away", Text{
		"the call did not get through",
		"调用未能到达平台",
	}, Text{"the lines about the network say why; else try again in a minute", "原因见网络部分；若无异常，请稍后重试"}}
	platformGateway = &cause{"platform_gateway", Text{
		"somebody answered, but not the platform's API",
		"有应答，但并非平台接口的应答",
	}, Text{"look at endpoint in the configuration; a proxy may answer in the platform's place, or the platform has trouble", "检查配置中的 endpoint；可能是代理代为应答，或平台暂时故障"}}
	platformRefused = &cause{"platform_refused", Text{
		"the platform refuses, in words that are not known here",
		"平台拒绝，返回了未知的错误",
	}, Text{"look the code up in the platform's documentation", "请在平台文档中查询该错误码"}}
	platformBusy = &cause{"platform_busy", Text{
		"the platform is busy, or is asked too often",
		"平台繁忙，或调用过于频繁",
	}, Text{"try again in a minute; if it stays, look what else uses this app", "稍后重试；若持续如此，检查还有谁在使用该应用"}}
	quotaUsed = &cause{"quota_used", Text{
		"the company's API calls of this month are used up",
		"企业本月的接口调用额度已用完",
	}, Text{"buy more calls, set reply: text, or wait for the next month; budget.api_calls spreads them", "购买额度、设置 reply: text，或等到下月；budget.api_calls 可按月均摊"}}
	addressRefused = &cause{"address_refused", Text{
		"the app does not allow calls from this machine's address",
		"应用的 IP 白名单不允许本机出口地址",
	}, Text{"add the public address of this machine to the app's IP allow list in the developer console, or clear the list", "在开发者后台把本机的公网出口 IP 加入应用的 IP 白名单，或清空白名单"}}
	addressBanned = &cause{"address_banned", Text{
		"the platform bans this machine's address for a while",
		"平台暂时封禁了本机出口地址",
	}, Text{"wait five minutes, and look what calls so often from here", "等待五分钟，并检查是什么在频繁调用"}}

	streamHeld     = &cause{"stream_held", Text{"is up: the running program holds it", "已连接：由正在运行的程序持有"}, Text{}}
	streamUntested = &cause{"stream_untested", Text{"not tried, as --no-stream says", "按 --no-stream 的要求未测试"}, Text{}}
	streamRefused  = &cause{"stream_refused", Text{
		"%[1]s refuses the websocket with HTTP %[2]d",
		"%[1]s 以 HTTP %[2]d 拒绝了 websocket",
	}, Text{"a proxy or firewall may not let websockets through: allow them for this host", "代理或防火墙可能不放行 websocket：请为该主机放行"}}
	streamSilent = &cause{"stream_silent", Text{
		"a websocket to %[1]s is not answered",
		"到 %[1]s 的 websocket 没有应答",
	}, Text{"allow outbound websockets to this host on port 443; a proxy must not hold them back or cut them", "放行到该主机 443 端口的出站 websocket；代理不得缓存或切断"}}
)

// Of DingTalk.
var (
	dingtalkCredentials = &cause{"dingtalk_credentials", Text{
		"client_id or client_secret is wrong",
		"client_id 或 client_secret 不正确",
	}, Text{"copy both again from open-dev.dingtalk.com, the application, Credentials; look for spaces, and for a secret that was renewed", "在 open-dev.dingtalk.com 的应用“凭证与基础信息”中重新复制；注意空格，以及 Secret 是否已重置"}}
	dingtalkScope = &cause{"dingtalk_permission", Text{
		"the app lacks the permission %[1]s",
		"应用缺少权限 %[1]s",
	}, Text{"apply for it in the developer console under Permissions, and publish a new version", "在开发者后台“权限管理”中申请，并发布新版本"}}
	robotWrong = &cause{"robot_code", Text{
		"the robot code does not belong to this app, or the app has no robot",
		"robot_code 不属于该应用，或应用没有添加机器人",
	}, Text{"remove robot_code (its default is the client_id), add the capability Robot to the app and publish it", "删去 robot_code（默认即 client_id），为应用添加“机器人”能力并发布"}}
	dingtalkMode = &cause{"dingtalk_stream_mode", Text{
		"DingTalk opens no stream for this app",
		"钉钉拒绝为该应用建立 Stream 连接",
	}, Text{"in the developer console: Robot, receive messages in Stream mode, then publish a version; look at the IP allow list too", "在开发者后台：机器人消息接收模式选“Stream 模式”，然后发布版本；同时检查 IP 白名单"}}
	dingtalkStreamGood = &cause{"stream_good", Text{
		"connects to %[1]s and is answered; it subscribed to no messages and took none",
		"已连接 %[1]s 并有应答；测试未订阅消息，没有取走任何消息",
	}, Text{"nobody tells whether messages are sent here: in the console the robot has to be in Stream mode, in a published version", "平台不提供消息推送设置的查询：请确认后台机器人为“Stream 模式”且版本已发布"}}
)

// Of Feishu and Lark.
var (
	feishuCredentials = &cause{"feishu_credentials", Text{
		"app_id or app_secret is wrong",
		"app_id 或 app_secret 不正确",
	}, Text{"copy both again from the app's page, Credentials; for Lark the endpoint is https://open.larksuite.com", "在应用“凭证与基础信息”中重新复制；Lark 的 endpoint 为 https://open.larksuite.com"}}
	feishuDisabled = &cause{"feishu_disabled", Text{
		"the app is switched off, or is not installed in this company",
		"应用已停用，或未在该企业安装",
	}, Text{"have the company's administrator switch it on in the admin console", "请企业管理员在管理后台启用该应用"}}
	feishuBotGood  = &cause{"feishu_bot_good", Text{"is switched on; people know it as %[1]s", "已启用，名称为 %[1]s"}, Text{}}
	feishuInactive = &cause{"feishu_inactive", Text{
		"is not active (activate_status %[1]d)",
		"未处于启用状态（activate_status %[1]d）",
	}, Text{"publish a version of the app and have it approved; 1 is switched off, 3 not switched on yet, 5 and 6 an ended licence", "发布应用版本并通过审核；1 为已停用，3 为未启用，5、6 为许可到期"}}
	feishuNoBot = &cause{"feishu_no_bot", Text{
		"the app has no bot, or the version with it is not published",
		"应用没有机器人能力，或含机器人的版本未发布",
	}, Text{"in the console: Add capability, Bot; then create a version and publish it", "在开发者后台“添加应用能力”中添加机器人，然后创建版本并发布"}}
	feishuScope = &cause{"feishu_scope", Text{
		"the app lacks the scope %[1]s",
		"应用缺少权限 %[1]s",
	}, Text{"apply for it in the console under Permissions, create a version and publish it", "在开发者后台“权限管理”中开通，创建版本并发布"}}
	feishuMode = &cause{"feishu_stream_refused", Text{
		"the platform opens no stream for this app",
		"平台拒绝为该应用建立长连接",
	}, Text{"it has to be a custom app (企业自建应用) with a bot, published; copy app_id and app_secret again", "须为含机器人且已发布的企业自建应用；并重新复制 app_id 和 app_secret"}}
	feishuTooMany = &cause{"feishu_too_many", Text{
		"the app has 50 streams already, and no more are allowed",
		"该应用已有 50 个长连接，达到上限",
	}, Text{"stop the other programs that use this app_id: each of them takes its share of the messages", "停止使用同一 app_id 的其他程序：它们都会分走消息"}}
	feishuStreamGood = &cause{"stream_good", Text{
		"connects to %[1]s and is answered; a message that came meanwhile was refused and comes again",
		"已连接 %[1]s 并有应答；其间到达的消息已被退回，平台会重发",
	}, Text{"nobody tells whether messages are sent here: in the console, Events and callbacks, choose the long connection while Longwire runs, add im.message.receive_v1 and card.action.trigger, and publish", "平台不提供订阅设置的查询：请在 Longwire 运行时于“事件与回调”选择长连接，添加 im.message.receive_v1 和 card.action.trigger 并发布"}}
)
