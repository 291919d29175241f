// Package redact masks what looks like a secret in the arguments of other
// programs, before they leave the machine.
//
// Nothing marks a secret as one, so this goes by what people and programs are
// used to: names (--password, API_TOKEN=), the place (mysql -p…, curl -u), the
// form (scheme://user:password@host, Authorization: …), and the well-known
// beginnings of tokens. A secret that has none of these passes, and something
// harmless that looks like one is masked.
//
// Everything here is one pass over an argument, with a bounded look around at
// each step: the time is linear in the length, whatever the bytes are. Regular
// expressions are only those of the user.
package redact
