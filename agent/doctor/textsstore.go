package doctor

// Of a store in a file.
var (
	storeNew  = &cause{"store_new", Text{"is not there yet; the program makes it", "尚不存在，程序会创建"}, Text{}}
	storeGood = &cause{"store_good", Text{"can be opened", "可以打开"}, Text{}}
	storeHeld = &cause{"store_held", Text{"is in use by the running program", "正由运行中的程序使用"}, Text{}}

	storeTaken = &cause{"store_taken", Text{
		"another process has it open, and it does not answer as Longwire on admin.listen",
		"被其他进程占用，且 admin.listen 上没有 Longwire 应答",
	}, Text{"if Longwire runs with another configuration, give each its own store; else fuser shows who it is", "若另有 Longwire 以其他配置运行，请各用各的存储；否则可用 fuser 查看占用者"}}
	storeUnreadable = &cause{"store_unreadable", Text{
		"cannot be opened",
		"无法打开",
	}, Text{"look at the rights of the file and its folder", "检查文件及其文件夹的权限"}}
	storeLarge    = &cause{"store_large", Text{"has %[1]s, and is not copied to be looked at", "大小为 %[1]s，不复制检查"}, Text{}}
	storeUncopied = &cause{"store_uncopied", Text{"could not be copied to be looked at", "无法复制以供检查"}, Text{}}
	storeDamaged  = &cause{"store_damaged", Text{
		"is damaged, or is no store of Longwire",
		"已损坏，或不是 Longwire 的存储文件",
	}, Text{"restore a copy, or move it away to begin with an empty one: what waited in it is lost then", "恢复备份，或移走该文件从空存储开始：其中等待处理的消息会丢失"}}
)

// Of a store on Redis.
var (
	redisGood   = &cause{"redis_good", Text{"answers, and takes our password", "有应答，已通过认证"}, Text{}}
	redisSilent = &cause{"redis_silent", Text{"Redis does not tell", "Redis 未提供该信息"}, Text{}}
	redisAway   = &cause{"redis_away", Text{
		"there is no connection to Redis",
		"无法连接 Redis",
	}, Text{"look at host and port in store, whether Redis runs, and whether it listens for other machines (bind, protected-mode)", "检查 store 中的主机和端口、Redis 是否运行，以及是否允许其他机器访问（bind、protected-mode）"}}
	redisAuth = &cause{"redis_auth", Text{
		"Redis refuses the user or the password, or wants one",
		"Redis 拒绝了用户名或密码，或要求认证",
	}, Text{"write them into store: redis://user:password@host:6379/0, with special characters percent-encoded", "把它们写进 store：redis://user:password@host:6379/0，特殊字符需百分号编码"}}
	redisLoading = &cause{"redis_loading", Text{"Redis has begun and reads its data", "Redis 正在加载数据"}, Text{"wait until it has", "请稍候"}}
	redisRefused = &cause{"redis_refused", Text{
		"Redis answers with an error",
		"Redis 返回错误",
	}, Text{"look at the words; the number behind the host in store is the database, 0 where there is no other", "查看错误内容；store 中主机后的数字是数据库编号，没有其他库时为 0"}}
	redisNoMaster = &cause{"redis_no_master", Text{
		"no Sentinel tells where the master is",
		"没有哨兵能给出主节点地址",
	}, Text{"look at master_name and addr in store; they name the Sentinels, not Redis itself", "检查 store 中的 master_name 和 addr；它们指向哨兵而不是 Redis 本身"}}

	redisFast = &cause{"redis_fast", Text{"half of the pings take %[1]s, the slowest %[2]s", "ping 中位数 %[1]s，最慢 %[2]s"}, Text{}}
	redisSlow = &cause{"redis_slow", Text{
		"half of the pings take %[1]s and more, the slowest %[2]s: each message waits for it several times",
		"ping 中位数 %[1]s，最慢 %[2]s：每条消息都要等它数次",
	}, Text{"move Redis closer, or look what keeps it busy (SLOWLOG GET)", "让 Redis 离得更近，或查看它在忙什么（SLOWLOG GET）"}}
	redisVersion = &cause{"redis_version", Text{"has version %[1]s", "版本为 %[1]s"}, Text{}}
	redisOld     = &cause{"redis_old", Text{
		"has version %[1]s, and 6.2 is needed (for XAUTOCLAIM)",
		"版本为 %[1]s，需要 6.2 以上（XAUTOCLAIM）",
	}, Text{"upgrade Redis", "请升级 Redis"}}
	redisMaster  = &cause{"redis_master", Text{"takes writes", "可以写入"}, Text{}}
	redisReplica = &cause{"redis_replica", Text{
		"is a replica of %[1]s and takes no writes",
		"是 %[1]s 的只读副本，不接受写入",
	}, Text{"name the master in store, or the Sentinels with master_name", "在 store 中写主节点，或写哨兵并加上 master_name"}}

	redisCluster   = &cause{"redis_cluster", Text{"is a cluster, and all of it is served", "是集群，状态正常"}, Text{}}
	redisIsCluster = &cause{"redis_is_cluster", Text{
		"is a cluster, and store names a single Redis",
		"是集群，而 store 写的是单机地址",
	}, Text{"name a second node: redis://host1:6379?addr=host2:6379", "再写一个节点：redis://host1:6379?addr=host2:6379"}}
	redisNoCluster = &cause{"redis_no_cluster", Text{
		"is no cluster, and store names one (addr)",
		"不是集群，而 store 按集群书写（addr）",
	}, Text{"remove addr from store, or add master_name if these are Sentinels", "从 store 中删去 addr；若是哨兵，请加上 master_name"}}
	redisClusterDown = &cause{"redis_cluster_down", Text{
		"is a cluster that does not serve all of its keys (cluster_state %[1]s)",
		"集群不可用（cluster_state %[1]s）",
	}, Text{"look which node is away: CLUSTER NODES", "用 CLUSTER NODES 查看哪个节点离线"}}

	redisKeeps  = &cause{"redis_keeps", Text{"throws nothing away (noeviction)", "不会淘汰数据（noeviction）"}, Text{}}
	redisEvicts = &cause{"redis_evicts", Text{
		"throws keys away when its memory is full (%[1]s), and messages with them",
		"内存满时会淘汰数据（%[1]s），消息会随之丢失",
	}, Text{"set maxmemory-policy noeviction", "设置 maxmemory-policy noeviction"}}
	redisMayEvict = &cause{"redis_may_evict", Text{
		"would throw keys away (%[1]s) as soon as somebody sets maxmemory",
		"一旦设置了 maxmemory 就会淘汰数据（%[1]s）",
	}, Text{"set maxmemory-policy noeviction", "设置 maxmemory-policy noeviction"}}
	redisPersists = &cause{"redis_persists", Text{"writes every change to its file (appendfsync %[1]s)", "每次变更都写入文件（appendfsync %[1]s）"}, Text{}}
	redisForgets  = &cause{"redis_forgets", Text{
		"keeps nothing on disk: when it ends, messages that were acknowledged are lost",
		"不写磁盘：一旦退出，已确认的消息会丢失",
	}, Text{"set appendonly yes, and appendfsync always if Redis itself may be killed", "设置 appendonly yes；若 Redis 可能被强制终止，再设 appendfsync always"}}
	redisSnapshots = &cause{"redis_snapshots", Text{
		"keeps only snapshots: when it ends, the messages since the last one are lost",
		"只保存快照：一旦退出，上次快照之后的消息会丢失",
	}, Text{"set appendonly yes", "设置 appendonly yes"}}
	redisCannotSave = &cause{"redis_cannot_save", Text{
		"could not write its last file, and may refuse every change",
		"最近一次写盘失败，可能拒绝所有写入",
	}, Text{"look at its log and its disk", "检查 Redis 的日志和磁盘"}}
	redisUnbounded = &cause{"redis_unbounded", Text{"uses %[1]s, and has no limit", "已用 %[1]s，未设上限"}, Text{}}
	redisRoom      = &cause{"redis_room", Text{"uses %[1]s of %[2]s", "已用 %[1]s，上限 %[2]s"}, Text{}}
	redisFull      = &cause{"redis_full", Text{
		"uses %[1]s of %[2]s: when it is full, every message is refused or spooled",
		"已用 %[1]s，上限 %[2]s：用满后消息会被拒收或暂存到本地文件",
	}, Text{"raise maxmemory, or look what else is kept there", "调大 maxmemory，或检查其中还存了什么"}}
	redisClockGood = &cause{"redis_clock_good", Text{"agrees with ours", "与本机一致"}, Text{}}
	redisClock     = &cause{"redis_clock", Text{
		"our clock is off from its by %[1]s (a minus means that ours is behind)",
		"本机时钟与其相差 %[1]s（负数表示本机偏慢）",
	}, Text{"switch on time synchronisation on both machines", "在两台机器上开启时间同步"}}
)
