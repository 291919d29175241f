# Turns CHANGELOG.md (Keep a Changelog) into Debian's form. What is not released
# yet becomes the version and the date of the package. Set name, version, date and
# maintainer.

# flush prints an item, in lines of no more than 80 characters.
function flush(    words, n, i, line) {
	n = split(item, words, " ")
	line = "  *"
	for (i = 1; i <= n; i++) {
		if (length(line) + 1 + length(words[i]) > 80) {
			print line
			line = "   "
		}
		line = line " " words[i]
	}
	if (n) {
		print line
	}
	item = ""
}

function finish() {
	flush()
	if (open) {
		printf "\n -- %s  %s\n", maintainer, stamp
	}
	open = 0
}

# start begins a release, once there is something to tell about it.
function start() {
	if (!open) {
		if (entries++) {
			print ""
		}
		printf "%s (%s) unstable; urgency=medium\n", name, release
		open = 1
	}
}

/^## / {
	finish()
	release = $2
	gsub(/[][]/, "", release)
	stamp = date
	if (release == "Unreleased") {
		release = version
	} else {
		command = "date -u -R -d '" $4 "'"
		command | getline stamp
		close(command)
	}
	next
}
release == "" || /^\[/ || /^$/ { next }
/^### / { flush(); start(); printf "\n  [ %s ]\n", $2; next }
/^- / { flush(); start(); sub(/^- /, "") }
{ item = item " " $0 }
END { finish() }
