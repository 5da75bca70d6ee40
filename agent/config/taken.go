package config

// taken are the texts that references led to.
type taken []Secret

func (t *taken) add(text string) {
	if t != nil {
		*t = append(*t, NewSecret(text))
	}
}

// Taken are the texts that ${…} stood for anywhere in the file. Whoever kept them out of
// it may have had a reason, also where no Secret takes them, as in the arguments of a
// tool's command. Never print what it returns.
func (c *Config) Taken() (texts []string) {
	for _, text := range c.taken {
		texts = append(texts, text.Reveal())
	}
	return texts
}
