// Package redact masks what looks like a secret in the arguments of other
// programs, before they leave the machine.
//
// Nothing marks a secret as one, so this goes by what people and programs are
// used to: names (--password, API_TOKEN=), the place (mysql -p…, curl -u), the
// form (scheme://user:password@host, Authorization: …), and the well-known
// beginnings of tokens. A secret that has none of these passes, and something
// harmless that looks like one is masked.
//
// What is known of programs, names and tokens is in the files in rules, which
// say how they are written. A new program, name or token belongs there, with a
// line in testdata/secrets.txt, and one in testdata/innocent.txt that looks like it.
//
// Everything here is one pass over an argument, with a bounded look around at
// each step, or one whose end is remembered: the time is linear in the length,
// whatever the bytes are. A line in which something was masked is looked at once
// more. Regular expressions are only those of the user.
//
// A mask must not be a place to hide in: it covers what may be a value, and not
// the commands behind it.
package redact
