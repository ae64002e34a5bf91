package configs

import (
	"drawbridge/connectors"
	"drawbridge/schema"
)

// Admin names who may use the API.
type Admin struct {
	Tokens       []AdminToken       `yaml:"tokens"`
	Certificates []AdminCertificate `yaml:"certificates"`
}

// An AdminToken is a credential of a person or a program that uses the API.
type AdminToken struct {
	Name   string            `yaml:"name"`
	Role   schema.APIRole    `yaml:"role"`
	Secret connectors.Secret `yaml:"secret"`

	From Reference `yaml:"-"` // where the secret is
}

// An AdminCertificate is the client certificate of a person or a program that
// uses the API.
type AdminCertificate struct {
	Name        string         `yaml:"name"`
	Role        schema.APIRole `yaml:"role"`
	Certificate `yaml:",inline"`
}

// A Source is the transport side of a Source document: its credentials. One
// without any here has those that were issued for it.
type Source struct {
	Name        string            `yaml:"name"`
	Token       connectors.Secret `yaml:"token"`
	Certificate Certificate       `yaml:"certificate"`

	From Reference `yaml:"-"` // where the token is
}

// IssuerNames returns the names of the issuers whose signed tokens are trusted.
func (c *Config) IssuerNames() []string {
	var names []string
	for _, i := range c.Issuers {
		names = append(names, i.Name)
	}
	return names
}

// Lets returns the names of the sources that the configuration lets in, by
// whatever means, sorted.
func (c *Config) Lets() []string {
	var names []string
	for _, s := range c.Sources {
		names = append(names, s.Name)
	}
	for _, i := range c.Issuers {
		for _, s := range i.Sources {
			names = append(names, s.Name)
		}
	}
	return schema.Sorted(names...)
}
