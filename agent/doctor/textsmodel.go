package doctor

// Of the models.
var (
	keysGood        = &cause{"keys_good", Text{"%[1]d key(s) to use", "有 %[1]d 个密钥"}, Text{}}
	keysEnded       = &cause{"keys_ended", Text{"ended on %[1]s, as api_key_expires says", "按 api_key_expires 已于 %[1]s 到期"}, Text{"make a new key, and write down its day", "换新密钥，并更新日期"}}
	keysEndSoonWord = &cause{"keys_end_soon", Text{"ends on %[1]s, as api_key_expires says", "按 api_key_expires 将于 %[1]s 到期"}, Text{"make a new key in time", "请及时更换"}}
	keyFileAway     = &cause{"key_file_away", Text{"api_key_file cannot be read", "无法读取 api_key_file"}, Text{"look at the path and the rights of the file", "检查文件路径和权限"}}
	keyFileEmpty    = &cause{"key_file_empty", Text{"no key is in %[1]s", "%[1]s 中没有密钥"}, Text{"write one key on each line", "每行写一个密钥"}}

	modelGood = &cause{"model_good", Text{"streams; the first word took %[1]s", "流式应答正常，首字用时 %[1]s"}, Text{}}
	modelSlow = &cause{"model_slow", Text{
		"streams, but the first word took %[1]s",
		"流式应答正常，但首字用了 %[1]s",
	}, Text{"choose a faster model, or one that thinks less", "换更快的模型，或减少思考"}}
	modelTooSlow = &cause{"model_too_slow", Text{
		"the first word took %[1]s, and first_token_timeout is %[2]s",
		"首字用了 %[1]s，而 first_token_timeout 为 %[2]s",
	}, Text{"raise first_token_timeout, or choose a faster model", "调大 first_token_timeout，或换更快的模型"}}
	modelSilentUsage = &cause{"model_no_usage", Text{
		"streams, but does not say how many tokens it took: limits in tokens go by an estimate",
		"流式应答正常，但不返回 token 用量：按 token 的限额只能估算",
	}, Text{"nothing, unless limits.tokens_per_day or tokens_per_month are set", "若未设置 limits.tokens_per_day 或 tokens_per_month，可忽略"}}
	modelKey = &cause{"model_key", Text{
		"the key is refused",
		"密钥被拒绝",
	}, Text{"copy api_key again; a key belongs to one provider, and often to one region and its endpoint", "重新复制 api_key；密钥只属于一个服务商，常常也只属于一个地域及其接口地址"}}
	modelQuota = &cause{"model_quota", Text{
		"the account has nothing left",
		"账户余额或额度不足",
	}, Text{"pay, or raise the quota of the key at the provider", "充值，或在服务商处提高该密钥的额度"}}
	modelName = &cause{"model_name", Text{
		"the endpoint does not know this model",
		"接口不认识这个模型",
	}, Text{"write model.name as the provider has it (GET …/models lists them); endpoint usually ends in /v1", "按服务商的写法填写 model.name（GET …/models 可列出）；endpoint 一般以 /v1 结尾"}}
	modelRefused = &cause{"model_refused", Text{
		"the endpoint does not take the request",
		"接口拒绝了请求",
	}, Text{"look at the words; max_tokens, temperature and api_version are the usual reasons", "查看错误内容；常见原因是 max_tokens、temperature、api_version"}}
	modelBusy    = &cause{"model_busy", Text{"is asked too often just now", "当前请求过于频繁"}, Text{"try again; if it stays, raise the limit at the provider, or set more keys or fallbacks", "稍后重试；若持续如此，请提高限额，或配置更多密钥或备用模型"}}
	modelTimeout = &cause{"model_timeout", Text{
		"takes the question and says nothing",
		"接收了请求，但没有应答",
	}, Text{"look whether the model is loaded; a proxy that collects answers has to let streams through", "检查模型是否已加载；代理须放行流式应答，不得缓存"}}
	modelCut = &cause{"model_cut", Text{
		"the stream ends before the answer is complete (no finish_reason)",
		"流在应答完成前中断（没有 finish_reason）",
	}, Text{"look for a proxy that cuts streams, and whether the endpoint is compatible with OpenAI's", "检查是否有代理切断流，以及接口是否与 OpenAI 兼容"}}
	modelEmpty    = &cause{"model_empty", Text{"answers with nothing", "应答为空"}, Text{"try another model; some think until their tokens are used up: raise max_tokens", "换一个模型；有的模型会在思考中用完 token：请调大 max_tokens"}}
	modelFiltered = &cause{"model_filtered", Text{"refuses the harmless question of this check", "拒绝了本检查的无害问题"}, Text{"look at the provider's content filter", "检查服务商的内容过滤设置"}}
	modelAway     = &cause{"model_away", Text{"cannot be asked, or has trouble inside", "无法访问，或服务内部故障"}, Text{"look at the endpoint, and at the provider's status page", "检查 endpoint 以及服务商的状态页"}}
	modelSees     = &cause{"model_sees", Text{"takes a picture", "可以看图"}, Text{}}
	modelBlind    = &cause{"model_blind", Text{"refuses a picture, and vision is on", "拒绝图片，而 vision 已开启"}, Text{"set vision: off, or choose a model that sees", "设置 vision: off，或换用可看图的模型"}}
	modelUses     = &cause{"model_uses_tools", Text{"takes tools", "可以使用工具"}, Text{}}
	modelNoTools  = &cause{"model_no_tools", Text{"refuses tools, and tools are on", "拒绝工具，而 tools 已开启"}, Text{"set tools: off for this model, or choose one that can use them", "为该模型设置 tools: off，或换用支持工具的模型"}}
)

// Of the servers of tools.
var (
	toolsGood = &cause{"tools_good", Text{"is up and has %[1]d tool(s)", "已连接，有 %[1]d 个工具"}, Text{}}
	toolsNone = &cause{"tools_none", Text{"is up and has no tools", "已连接，但没有工具"}, Text{"look at the server's own settings", "检查该服务自身的设置"}}
	toolsAway = &cause{"tools_away", Text{
		"does not come up",
		"无法启动或连接",
	}, Text{"run its command by hand as the same account, or look at url and headers", "以同一账户手工运行其命令，或检查 url 和 headers"}}
	toolsMute = &cause{"tools_mute", Text{
		"is started, and does not answer in the protocol (MCP)",
		"已启动，但不按协议（MCP）应答",
	}, Text{"look whether the command is a server of the Model Context Protocol, and writes nothing else to its output", "检查该命令是否为 MCP 服务，且标准输出没有其他内容"}}
	toolsIdle = &cause{"tools_patterns_idle", Text{
		"patterns that mean no tool: %[1]s",
		"以下规则没有匹配到任何工具：%[1]s",
	}, Text{"write the names as the server has them", "请按服务提供的名称填写"}}
	toolsPatterns = &cause{"tools_patterns_good", Text{"every pattern means a tool", "每条规则都匹配到工具"}, Text{}}
)
