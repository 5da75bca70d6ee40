package config

import "time"

// Platform is a chat platform that a connection can be on.
type Platform string

// The platforms. Lark is Feishu with another endpoint.
const (
	DingTalk Platform = "dingtalk"
	Feishu   Platform = "feishu"
)

// Connection is one bot account. Which of the keys it has depends on Platform;
// the fields of the other platform are empty.
type Connection struct {
	// Name appears in logs and metrics and is part of what the store keeps, so
	// renaming a connection leaves its conversations behind. Unique; a–z, 0–9,
	// dot, dash and underscore, at most 63 characters, first a letter or digit.
	Name string `yaml:"name" need:"yes" hint:"write a short name such as helpdesk-dingtalk; it appears in logs and metrics"`
	// Platform is dingtalk or feishu.
	Platform Platform `yaml:"platform" need:"yes" oneof:"dingtalk feishu" reload:"stream" hint:"for Lark write feishu, with endpoint: https://open.larksuite.com"`
	// Endpoint is the base URL of the platform. Default
	// https://api.dingtalk.com or https://open.feishu.cn; another one for Lark,
	// a private gateway or a test. No trailing slash.
	Endpoint string `yaml:"endpoint" reload:"stream"`
	// Workers is how many turns run at the same time. Default 64, range 1 to 1024.
	Workers int `yaml:"workers" range:"1..1024" reload:"stream"`
	// Keepalive is how often the link is checked; it counts as dead after two
	// and a half times as long. Default 30s, range 1s to 10m. Feishu may ask for
	// a shorter time.
	Keepalive time.Duration `yaml:"keepalive" range:"1s..10m" reload:"stream"`

	// Proxy is where the connection goes through: a URL beginning with http:// or
	// socks5://, or off. Empty: what HTTPS_PROXY and its like say. Default empty.
	Proxy Proxy `yaml:"proxy" reload:"stream" hint:"write a URL such as http://user:password@proxy.example:3128, or off"`

	// Reply is how answers are shown: in a card that grows (card), as plain messages
	// (text), or as the budget allows (auto). Default auto.
	Reply string `yaml:"reply" oneof:"auto card text" reload:"stream"`
	// Budget bounds what the platform charges for.
	Budget Budget `yaml:"budget" reload:"stream"`
	// Rate is how often the platform lets the application call one API. Four fifths
	// of it are used.
	Rate Rate `yaml:"rate" reload:"stream"`
	// Welcome is what somebody reads who comes for the first time, or a group that
	// takes the bot in: on for a built-in text, off for nothing, or a text. Default on.
	Welcome string `yaml:"welcome"`
	// Admins are the platform's ids of those who may press the buttons below
	// everybody's answers, and who are answered whatever Access says: staff ids on
	// DingTalk, open_ids on Feishu.
	Admins []string `yaml:"admins" hint:"write a list of the platform's ids, or remove the key"`

	// Model is the label of the model that answers here, one of Models or the main
	// one. Default empty: the main one.
	Model string `yaml:"model" hint:"write the label of one of models"`
	// Models are the labels of those that people may choose here with /model. Nil:
	// all; empty: none.
	Models []string `yaml:"models" hint:"write a list of the labels of models, [] for none, or remove the key for all"`
	// Tools are the names of the Tools whose tools the model may use here. Nil: all;
	// empty: none.
	Tools []string `yaml:"tools" hint:"write a list of the names of tools, [] for none, or remove the key for all"`

	// SystemPrompt takes the place of Model.SystemPrompt here; nil: it does not. This
	// and what follows is asked for through the methods of Config in resolve.go.
	SystemPrompt *string `yaml:"system_prompt"`
	// ShowReasoning takes the place of Model.ShowReasoning; nil: it does not.
	ShowReasoning *Switch `yaml:"show_reasoning"`
	// Scope takes the place of Conversation.Scope: person or chat; empty: it does not.
	Scope string `yaml:"scope" oneof:"person chat"`
	// Language takes the place of Conversation.Language: auto, zh or en; empty: it does
	// not.
	Language string `yaml:"language" oneof:"auto zh en"`
	// Access takes the place of Config.Access as a whole; nil: it does not.
	Access *Access `yaml:"access"`
	// Limits takes the place of Config.Limits as a whole; nil: it does not.
	Limits *Limits `yaml:"limits"`

	// ClientID and ClientSecret are DingTalk's credentials of the application.
	ClientID     string `yaml:"client_id" need:"yes" only:"dingtalk" twin:"app_id" reload:"stream" hint:"copy it from the application's page, as in client_id: ${DINGTALK_CLIENT_ID}"`
	ClientSecret Secret `yaml:"client_secret" need:"yes" only:"dingtalk" twin:"app_secret" reload:"stream" hint:"keep it out of the file, as in client_secret: ${DINGTALK_CLIENT_SECRET}"`
	// RobotCode names the robot to DingTalk. Default ClientID, which is right
	// for robots of internal applications.
	RobotCode string `yaml:"robot_code" only:"dingtalk" reload:"stream"`
	// Card is the template of DingTalk's cards.
	Card Card `yaml:"card" only:"dingtalk" reload:"stream"`
	// Mention mentions whoever asked in a group, above the answer. Default off.
	Mention Switch `yaml:"mention" only:"dingtalk" reload:"stream"`

	// AppID and AppSecret are Feishu's credentials of the application.
	AppID     string `yaml:"app_id" need:"yes" only:"feishu" twin:"client_id" reload:"stream" hint:"copy it from the application's page, as in app_id: ${FEISHU_APP_ID}"`
	AppSecret Secret `yaml:"app_secret" need:"yes" only:"feishu" twin:"client_secret" reload:"stream" hint:"keep it out of the file, as in app_secret: ${FEISHU_APP_SECRET}"`
}

// Budget bounds what the platform charges for.
type Budget struct {
	// APICalls is how many API calls may be made in a calendar month, or unlimited.
	// Default 5000 on DingTalk, its standard edition, and unlimited on Feishu.
	APICalls Calls `yaml:"api_calls" hint:"write a number such as 5000, or unlimited"`
}

// Rate is how often an API may be called.
type Rate struct {
	// PerSecond is a number or unlimited. Default 20 on DingTalk, 50 on Feishu.
	PerSecond Calls `yaml:"per_second" hint:"write a number such as 20, or unlimited"`
	// PerMinute is a number or unlimited. Default unlimited on DingTalk, 1000 on
	// Feishu.
	PerMinute Calls `yaml:"per_minute" hint:"write a number such as 1000, or unlimited"`
}

// Card is a template of DingTalk's card platform.
type Card struct {
	// Template is its id, and Key the variable that the answer streams into. The
	// default is a public template of DingTalk's own.
	Template string `yaml:"template"`
	Key      string `yaml:"key"`
	// FlowStatus says that the template shows the variable flowStatus and not the
	// state that the platform keeps: two more calls per card. Default off; the default
	// template has it.
	FlowStatus Switch `yaml:"flow_status"`
	// Words is the variable in which who has pressed a button reads what came of it.
	// Default words.
	Words string `yaml:"words"`
}

// DefaultConnection is a connection on p of which the file says nothing more: all
// but its name and its credentials.
func DefaultConnection(p Platform) Connection {
	c := Connection{Platform: p, Workers: 64, Keepalive: 30 * time.Second, Reply: "auto", Welcome: On}
	switch p {
	case DingTalk:
		c.Endpoint = "https://api.dingtalk.com"
		c.Budget.APICalls = 5000
		c.Rate.PerSecond = 20
		c.Card = Card{Template: "382e4302-551d-4880-bf29-a30acfab2e71.schema", Key: "msgContent"}
	case Feishu:
		c.Endpoint = "https://open.feishu.cn"
		c.Rate = Rate{PerSecond: 50, PerMinute: 1000}
	}
	return c
}

// CredentialID is the public half of the credentials: the client ID on DingTalk,
// the app ID on Feishu.
func (c Connection) CredentialID() string {
	if c.Platform == Feishu {
		return c.AppID
	}
	return c.ClientID
}
