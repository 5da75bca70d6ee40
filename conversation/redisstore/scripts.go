package redisstore

import (
	_ "embed" // the scripts
	"errors"

	"github.com/redis/go-redis/v9"
)

// Each script changes several keys of one connection in one step. Its keys,
// arguments and result are described at its top.
var (
	//go:embed lua/alive.lua
	aliveLua string
	//go:embed lua/mark.lua
	markLua string
	//go:embed lua/alone.lua
	aloneLua string

	//go:embed lua/accept.lua
	acceptLua string
	//go:embed lua/insert.lua
	insertLua string
	//go:embed lua/take.lua
	takeLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/note.lua
	noteLua string
	//go:embed lua/release.lua
	releaseLua string
	//go:embed lua/done.lua
	doneLua string
	//go:embed lua/interrupt.lua
	interruptLua string
	//go:embed lua/forget.lua
	forgetLua string
	//go:embed lua/inbox.lua
	inboxLua string
	//go:embed lua/retry.lua
	retryLua string
	//go:embed lua/drop.lua
	dropLua string
	//go:embed lua/tidy.lua
	tidyLua string
	//go:embed lua/add.lua
	addLua string
	//go:embed lua/pace.lua
	paceLua string
	//go:embed lua/put.lua
	putLua string
	//go:embed lua/append.lua
	appendLua string

	acceptScript    = redis.NewScript(markLua + acceptLua)
	insertScript    = redis.NewScript(markLua + insertLua)
	takeScript      = redis.NewScript(markLua + aloneLua + takeLua)
	renewScript     = redis.NewScript(aliveLua + renewLua)
	noteScript      = redis.NewScript(aliveLua + markLua + noteLua)
	releaseScript   = redis.NewScript(aliveLua + markLua + releaseLua)
	doneScript      = redis.NewScript(aliveLua + markLua + doneLua)
	interruptScript = redis.NewScript(aliveLua + markLua + interruptLua)
	forgetScript    = redis.NewScript(aloneLua + forgetLua)
	inboxScript     = redis.NewScript(inboxLua)
	retryScript     = redis.NewScript(markLua + retryLua)
	dropScript      = redis.NewScript(markLua + dropLua)
	tidyScript      = redis.NewScript(tidyLua)
	addScript       = redis.NewScript(addLua)
	paceScript      = redis.NewScript(paceLua)
	putScript       = redis.NewScript(putLua)
	appendScript    = redis.NewScript(appendLua)
)

// errMalformed is what there is to say about a reply that no script gives.
var errMalformed = errors.New("the reply of a script is malformed")
