package redisstore

import (
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

// Each script changes several keys of one connection in one step. Its keys,
// arguments and result are described at its top.
var (
	//go:embed lua/accept.lua
	acceptLua string
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/alive.lua
	aliveLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/release.lua
	releaseLua string
	//go:embed lua/done.lua
	doneLua string
	//go:embed lua/tidy.lua
	tidyLua string

	acceptScript  = redis.NewScript(acceptLua)
	takeScript    = redis.NewScript(takeLua)
	renewScript   = redis.NewScript(aliveLua + renewLua)
	releaseScript = redis.NewScript(aliveLua + releaseLua)
	doneScript    = redis.NewScript(aliveLua + doneLua)
	tidyScript    = redis.NewScript(tidyLua)
)
