package dingtalktest

import "net/http"

// Template is a card template of the card platform.
type Template struct {
	// Key is the variable that PathStreaming writes, a markdown one. A template
	// without it is no AI card: streaming to it is refused.
	Key string
	// Text is the variable of a template without Key that says what the card says.
	Text string
	// Unpublished makes creating a card fail with param.templateUnpublished (field).
	Unpublished bool
	// Foreign is a private template of another app: every call works, and people
	// see 内容加载失败 (client source). Card.Broken tells.
	Foreign bool
}

// Public templates: two that official clients stream to, and one with buttons, which is
// no AI card.
const (
	TemplateButtons  = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema" // Python SDK
	TemplateMarkdown = "382e4302-551d-4880-bf29-a30acfab2e71.schema" // Python SDK
	TemplateClaw     = "02fcf2f4-5e02-4a85-b672-46d1f715543e.schema" // official connector and CLI
)

// publicTemplates are there unless Options.Templates says otherwise (client
// sources).
func publicTemplates() map[string]Template {
	return map[string]Template{
		TemplateMarkdown: {Key: "msgContent"},
		TemplateClaw:     {Key: "msgContent"},
		"675cde2f-f526-40cb-b828-f5b2b57b8b77.schema": {Key: "content"},
		"589420e2-c1e2-46ef-a5ed-b8728e654da9.schema": {Text: "markdown"}, // not an AI card
		TemplateButtons: {Text: "markdown"},
	}
}

// unknownError is how the field saw wrong keys, states and templates refused.
func unknownError() Problem {
	return Problem{http.StatusInternalServerError, "unknownError", "未知错误"}
}
