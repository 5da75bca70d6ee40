package doctor

// cause is something that can be found, and what is said about it. The sentences may
// hold %[1]s and so on, for the arguments of the verdict.
type cause struct {
	code     string // in JSON; it stays as it is from version to version
	what, do Text
}

// Of the run itself.
var (
	rests = &cause{"rests_on", Text{
		"not checked, because it rests on: %[1]s",
		"未检查，因为它依赖的检查项未通过：%[1]s",
	}, Text{}}
	noTime = &cause{"no_time", Text{
		"not checked, the minute for all checks is over",
		"未检查，全部检查的一分钟时限已到",
	}, Text{"run this check alone with --only", "用 --only 单独运行此项"}}
	panicked = &cause{"doctor_broken", Text{
		"the check itself broke",
		"检查程序自身出错",
	}, Text{"report this line; the other lines hold", "请反馈这一行；其余各行仍然有效"}}
)

// Of the configuration.
var (
	configGood = &cause{"config_good", Text{
		"can be read: %[1]d connection(s), model %[2]s, store %[3]s",
		"可以读取：%[1]d 个连接，模型 %[2]s，存储 %[3]s",
	}, Text{}}
	configAway = &cause{"config_unreadable", Text{
		"cannot be read",
		"无法读取",
	}, Text{"name the file with --config, or begin with: cp config.example.yaml config.yaml", "用 --config 指定文件，或先执行：cp config.example.yaml config.yaml"}}
	configProblem = &cause{"config_problem", Text{
		"has a mistake",
		"有错误",
	}, Text{"correct it at the line and column that are named", "按所示行号和列号修改"}}
	configWarns = &cause{"config_warning", Text{
		"works, but should not stay as it is",
		"可以使用，但建议修改",
	}, Text{"do what the line says", "按提示修改"}}
)

// Of the machine.
var (
	clockRight = &cause{"clock_good", Text{"agrees with the clocks of the hosts that were asked", "与所访问各主机的时钟一致"}, Text{}}
	clockOff   = &cause{"clock_off", Text{
		"is off by %[1]s (a minus means that it is behind)",
		"偏差 %[1]s（负数表示偏慢）",
	}, Text{"switch on time synchronisation: timedatectl set-ntp true; certificates and leases are judged by this clock", "开启时间同步：timedatectl set-ntp true；证书有效期和租约都以本机时钟为准"}}
	clockUnknown = &cause{"clock_unknown", Text{"no host told the time to compare with", "没有主机返回可供比对的时间"}, Text{}}

	folderService = &cause{"folder_service", Text{
		"relative paths of the configuration lead here: the service works here (%[1]s)",
		"配置中的相对路径以此为准：服务在此目录中运行（%[1]s）",
	}, Text{}}
	folderHere = &cause{"folder_here", Text{
		"relative paths of the configuration lead here, because doctor was started here; a program that runs elsewhere uses its own folder",
		"配置中的相对路径以此为准，因为 doctor 在此目录中启动；在其他目录运行的程序使用它自己的目录",
	}, Text{}}

	fileGood     = &cause{"file_writable", Text{"can be written", "可以写入"}, Text{}}
	fileNew      = &cause{"file_new", Text{"is not there yet, and can be made", "尚不存在，可以创建"}, Text{}}
	fileIsFolder = &cause{"file_is_folder", Text{
		"is a folder, and a file is needed",
		"是文件夹，应当是文件",
	}, Text{"name a file in the configuration; a container makes a folder where it mounts a file that is not there", "在配置中写文件路径；容器挂载不存在的文件时会创建文件夹"}}
	fileUnwritable = &cause{"file_unwritable", Text{
		"cannot be written",
		"无法写入",
	}, Text{"give the account that Longwire runs as the right to write %[1]s, or name another place in the configuration", "让运行 Longwire 的账户可以写 %[1]s，或在配置中换一个位置"}}

	diskGood    = &cause{"disk_good", Text{"%[1]s free", "剩余 %[1]s"}, Text{}}
	diskUnknown = &cause{"disk_unknown", Text{"nobody tells how much room is left", "无法得知剩余空间"}, Text{"look whether the folder can be entered", "检查该文件夹能否访问"}}
	diskFull    = &cause{"disk_full", Text{
		"only %[1]s free: messages that cannot be stored are refused",
		"仅剩 %[1]s：无法存储的消息会被拒收",
	}, Text{"make room, or move the store to a larger disk", "清理磁盘，或把存储移到更大的磁盘"}}
	inodesOut = &cause{"inodes_out", Text{
		"only %[1]d more files can be made there, whatever room is left",
		"只能再创建 %[1]d 个文件（inode 即将耗尽），与剩余空间无关",
	}, Text{"remove files from this file system (df -i shows the count)", "删除该文件系统上的文件（df -i 可查看数量）"}}

	filesGood = &cause{"files_good", Text{"the program may open %[1]d files and sockets", "可打开 %[1]d 个文件和套接字"}, Text{}}
	filesFew  = &cause{"files_few", Text{
		"the program may open only %[1]d files and sockets",
		"只能打开 %[1]d 个文件和套接字",
	}, Text{"raise it: LimitNOFILE=65536 in the systemd unit, --ulimit nofile=65536 in docker, or ulimit -n 65536", "调大限制：systemd 单元写 LimitNOFILE=65536，docker 用 --ulimit nofile=65536，或 ulimit -n 65536"}}
	filesUnknown  = &cause{"files_unknown", Text{"the limit is not known", "无法得知限制"}, Text{}}
	memoryGood    = &cause{"memory_good", Text{"%[1]s free", "可用 %[1]s"}, Text{}}
	memoryUnknown = &cause{"memory_unknown", Text{"how much is free is not known here", "无法得知可用内存"}, Text{}}
	memoryLow     = &cause{"memory_low", Text{
		"only %[1]s free: the system may kill the program",
		"仅剩 %[1]s：系统可能会终止程序",
	}, Text{"give the machine or the container more memory, or run less beside it", "为机器或容器增加内存，或减少同机运行的程序"}}
)

// Of the network.
var (
	dnsNone    = &cause{"dns_none", Text{"is an address, nothing to look up", "是 IP 地址，无需解析"}, Text{}}
	dnsGood    = &cause{"dns_good", Text{"resolves to %[1]s", "解析为 %[1]s"}, Text{}}
	dnsUnknown = &cause{"dns_unknown", Text{
		"nobody knows the name %[1]s",
		"域名 %[1]s 不存在",
	}, Text{"look for a slip in the endpoint or the proxy; in a network without public names set HTTPS_PROXY or proxy", "检查 endpoint 或 proxy 是否写错；内网无法解析公网域名时，请设置 HTTPS_PROXY 或 proxy"}}
	dnsFailed = &cause{"dns_failed", Text{
		"the name %[1]s could not be looked up",
		"域名 %[1]s 解析失败",
	}, Text{"look at /etc/resolv.conf, and whether the name server answers; in a container, at its DNS setting", "检查 /etc/resolv.conf 和 DNS 服务器是否可用；容器内请检查其 DNS 设置"}}

	connectGood    = &cause{"connect_good", Text{"connected to %[1]s", "已连接 %[1]s"}, Text{}}
	connectRefused = &cause{"connect_refused", Text{
		"nobody listens there",
		"连接被拒绝，对方没有监听该端口",
	}, Text{"look at host and port in the configuration, and whether what should listen there runs", "检查配置中的主机和端口，以及对方服务是否在运行"}}
	connectNoWay = &cause{"connect_no_way", Text{
		"there is no way there",
		"网络不可达",
	}, Text{"look at the routes and at the network of the container", "检查路由以及容器网络"}}
	connectSilent = &cause{"connect_silent", Text{
		"there is no connection",
		"无法建立连接",
	}, Text{"a firewall may drop it: allow outbound TCP to this host and port, or set HTTPS_PROXY or proxy", "可能被防火墙丢弃：放行到该主机和端口的出站 TCP，或设置 HTTPS_PROXY 或 proxy"}}

	proxyGood = &cause{"proxy_good", Text{"lets us through", "允许通过"}, Text{}}
	proxyAuth = &cause{"proxy_auth", Text{
		"the proxy asks for a name and a password, or refuses ours",
		"代理要求认证，或拒绝了所给的用户名和密码",
	}, Text{"write them into its URL: http://user:password@host:port, with special characters percent-encoded", "把用户名和密码写进代理地址：http://user:password@host:port，特殊字符需百分号编码"}}
	proxyRefused = &cause{"proxy_refused", Text{
		"the proxy does not let us through to this host",
		"代理不允许访问该主机",
	}, Text{"allow this host and port in the proxy, or name the host in NO_PROXY", "在代理中放行该主机和端口，或把该主机写入 NO_PROXY"}}

	tlsGood     = &cause{"tls_good", Text{"the certificate by %[1]s is good until %[2]s", "证书有效，由 %[1]s 签发，至 %[2]s"}, Text{}}
	tlsEndsSoon = &cause{"tls_ends_soon", Text{
		"the certificate ends on %[1]s",
		"证书将于 %[1]s 到期",
	}, Text{"tell whoever runs this host", "请通知该主机的管理者"}}
	tlsExpired = &cause{"tls_expired", Text{
		"the certificate has ended, or does not hold yet",
		"证书已过期，或尚未生效",
	}, Text{"look at this machine's clock first; if it is right, whoever runs the host has to renew the certificate", "先检查本机时钟；若时钟正确，需由该主机的管理者更新证书"}}
	tlsHost = &cause{"tls_wrong_host", Text{
		"the certificate is for another host",
		"证书属于其他主机",
	}, Text{"look for a slip in the endpoint; a name that resolves to somebody else's address does this too", "检查 endpoint 是否写错；域名解析到他人地址时也会如此"}}
	tlsInspected = &cause{"tls_unknown_authority", Text{
		"the certificate is signed by somebody unknown here: %[1]s",
		"证书由未知机构签发：%[1]s",
	}, Text{"a proxy that looks into TLS is likely: set SSL_CERT_FILE to a file with your company's root certificate; in a bare container install ca-certificates", "很可能有检查 TLS 的代理：把 SSL_CERT_FILE 设为包含公司根证书的文件；精简容器需安装 ca-certificates"}}
	tlsPlain = &cause{"tls_not_spoken", Text{
		"whoever answers does not speak TLS",
		"对方不支持 TLS",
	}, Text{"write http:// or redis:// if that is meant; else the port is wrong, or something in between answers", "若本意是明文，请写 http:// 或 redis://；否则是端口写错，或中间设备在应答"}}
	tlsFailed = &cause{"tls_failed", Text{
		"the TLS handshake broke off",
		"TLS 握手失败",
	}, Text{"a firewall that reads host names may do this: allow this host", "可能是按域名过滤的防火墙所致：请放行该主机"}}

	answerGood = &cause{"answer_good", Text{"answers (HTTP %[1]d)", "有应答（HTTP %[1]d）"}, Text{}}
	answerNone = &cause{"answer_none", Text{
		"connected, but nobody answers",
		"已连接，但没有应答",
	}, Text{"look whether the service behind this address works, and whether something in between holds the answer back", "检查该地址背后的服务是否正常，以及是否有中间设备拦截"}}
)

// Of the program that runs.
var (
	adminFree  = &cause{"admin_free", Text{"is free: the program does not run here", "端口空闲：程序没有在此运行"}, Text{}}
	adminTaken = &cause{"admin_taken", Text{
		"another program listens there",
		"端口被其他程序占用",
	}, Text{"stop it, or set admin.listen to another port (ss -ltnp shows who it is)", "停止该程序，或把 admin.listen 改为其他端口（ss -ltnp 可查看占用者）"}}
	adminToken = &cause{"admin_token", Text{
		"whoever listens there does not take our token",
		"监听该端口的程序不接受我们的令牌",
	}, Text{"if it is Longwire, it runs with another admin.token: restart it; else set admin.listen to another port", "若是 Longwire，则它使用了不同的 admin.token，请重启；否则请更换 admin.listen"}}
	adminNotOurs = &cause{"admin_not_ours", Text{
		"this machine has no such address",
		"本机没有这个地址",
	}, Text{"set admin.listen to 127.0.0.1:18789, or to an address of this machine", "把 admin.listen 设为 127.0.0.1:18789 或本机的地址"}}
	adminRefused = &cause{"admin_refused", Text{
		"the program may not listen there",
		"程序无法监听该地址",
	}, Text{"take a port above 1023, or an address that can be resolved", "使用大于 1023 的端口，或可以解析的地址"}}
	programRuns   = &cause{"program_runs", Text{"the program runs (version %[1]s) and is healthy", "程序正在运行（版本 %[1]s），状态正常"}, Text{}}
	programUnwell = &cause{"program_unwell", Text{
		"the program runs (version %[1]s) and is not healthy",
		"程序正在运行（版本 %[1]s），状态异常",
	}, Text{"the lines below look for the reason", "原因见下面各行"}}
	adminCertGood  = &cause{"admin_cert_good", Text{"is good until %[1]s", "有效期至 %[1]s"}, Text{}}
	adminCertBad   = &cause{"admin_cert_bad", Text{"certificate and key cannot be used", "证书和私钥无法使用"}, Text{"set admin.tls.cert and admin.tls.key to PEM files that belong together", "admin.tls.cert 与 admin.tls.key 应为配套的 PEM 文件"}}
	adminCertEnded = &cause{"admin_cert_ends", Text{"ends, or has ended, on %[1]s", "到期日为 %[1]s"}, Text{"renew it and restart the program", "更新证书并重启程序"}}
)
