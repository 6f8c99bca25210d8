package main

// verbs is the table of commands, in the order of help.
func verbs() []verb {
	return []verb{
		{
			name:  "dev",
			brief: "Serve for development: a store is made, credentials are printed",
			about: `
Plain HTTP on loopback only. On the first start a store is made in --data, with an access key and a
key that alias/dev names; every later start over the same data prints the same credentials. Every
well-formed Region is served. The root key lies beside the data: for tests and trials, not for secrets.`,
			takes:    "listen data arn-style env-file seed account region",
			defaults: func(c *Config) { c.Listen = "127.0.0.1:8020" },
			run:      dev,
		},
		{name: "help", brief: "List the verbs", run: help},
	}
}
