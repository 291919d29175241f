# What the scripts of both package formats do. packaging/build puts it in front of
# each of them. Nothing in here may end an installation: what cannot be done is
# said, with what to do about it.
set -e

program=/usr/bin/telegraf-proc-connector
config=/etc/telegraf/proc_connector.conf
snippet=/etc/telegraf/telegraf.d/proc_connector.conf
state=/run/telegraf-proc-connector

# What the program makes use of, and nothing else:
#   CAP_NET_ADMIN   listening at all before Linux 6.6; a receive buffer beyond
#                   net.core.rmem_max
#   CAP_SYS_NICE    real-time or higher priority for the threads that read /proc,
#                   so that they win against short-lived programs
#   CAP_SYS_PTRACE  the fields exe and cwd of other users' processes
# They are the file's and not Telegraf's own, so that no other plugin has them.
rights=cap_net_admin,cap_sys_nice,cap_sys_ptrace=ep

say() {
	echo "telegraf-proc-connector: $*" >&2
}

# make_user makes the user and group that Telegraf's own packages make, exactly as
# those do, whichever comes first.
make_user() {
	if ! getent group telegraf >/dev/null; then
		groupadd -r telegraf
	fi
	if ! getent passwd telegraf >/dev/null; then
		useradd -r -M -g telegraf -s /bin/false -d /etc/telegraf telegraf
	fi
}

# grant_rights sets the file's capabilities. They are lost whenever the file is
# replaced or given to somebody else, so this comes last, and with each upgrade.
grant_rights() {
	if ! command -v setcap >/dev/null; then
		say "WARNING: setcap is not installed, so the plugin has no capabilities of its own: before Linux 6.6 it will not start, later it misses short-lived programs and the fields exe and cwd."
		say "Install setcap (libcap2-bin, libcap or libcap-progs) and run: setcap $rights $program"
		return
	fi
	if ! setcap "$rights" "$program"; then
		say "WARNING: the file system of $program keeps no capabilities, so the plugin has no capabilities of its own: before Linux 6.6 it will not start, later it misses short-lived programs and the fields exe and cwd."
		say "Give them to telegraf.service instead, with AmbientCapabilities=CAP_NET_ADMIN CAP_SYS_NICE CAP_SYS_PTRACE in a drop-in (systemctl edit telegraf), or put the program on another file system."
		return
	fi
	# In a container that may not have one of them, the kernel refuses to run the
	# file at all, and Telegraf would not start.
	if ! "$program" --version >/dev/null 2>&1; then
		setcap -r "$program"
		if "$program" --version >/dev/null 2>&1; then
			say "WARNING: this system does not let a program have the capabilities $rights, so the plugin has no capabilities of its own. See what the container may have."
		else
			say "WARNING: $program cannot be run here."
		fi
	fi
}

# make_state_dir makes the directory for leases, as at each boot.
make_state_dir() {
	if command -v systemd-tmpfiles >/dev/null &&
		systemd-tmpfiles --create telegraf-proc-connector.conf; then
		return
	fi
	# Without systemd somebody has to do that at each boot.
	if ! install -d -m 0700 -o telegraf -g telegraf "$state"; then
		say "WARNING: $state cannot be made, so what a killed plugin leaves in the kernel is not released. Make that directory, for the user telegraf alone."
	fi
}

# tell_systemd has it read the drop-in for telegraf.service anew.
tell_systemd() {
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || say "WARNING: systemctl daemon-reload failed. Run it before Telegraf is started again."
	fi
}

# reload_telegraf has a running Telegraf start, replace or stop the plugin.
reload_telegraf() {
	if [ ! -d /run/systemd/system ]; then
		say "If Telegraf runs here, reload it (SIGHUP): $1"
		return
	fi
	if ! systemctl is-active --quiet telegraf.service; then
		return
	fi
	if command -v deb-systemd-invoke >/dev/null; then
		# It asks the machine's policy first (policy-rc.d).
		deb-systemd-invoke reload telegraf.service || say "WARNING: Telegraf could not be reloaded: $1"
	else
		systemctl reload telegraf.service || say "WARNING: Telegraf could not be reloaded: $1"
	fi
}

# give_back gives back to the kernel what killed plugins have left: nobody will be
# there to do it later. A running plugin gives back its own when it ends.
give_back() {
	"$program" reconcile --config "$config" >/dev/null ||
		say "WARNING: what killed plugins have left in the kernel, if anything, was not released. It costs a little time for each event until the next boot."
}
