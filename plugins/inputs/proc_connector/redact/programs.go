package redact

import "strings"

type longs = map[string]expectation

// programs are those with places for secrets that their names do not tell, and
// those that run others. A new one belongs here with the options that take a
// value and could be mistaken: mysql -Dproduction has a "p" in it.
var programs = merge(databases, transfer, services, archives, system, runners)

type table map[string]program

// merge makes a map of tables, whose keys are one or more names.
func merge(tables ...table) map[string]*program {
	m := make(map[string]*program)
	for _, t := range tables {
		for names, p := range t {
			for _, name := range strings.Fields(names) {
				m[name] = &p
			}
		}
	}
	return m
}

var databases = table{
	"mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlslap mysqlbinlog mysqlpump mysql_upgrade mysqlrepair mysqloptimize " +
		"mysqlanalyze mariadb mariadb-dump mariadb-admin mariadb-import mariadb-show mariadb-check mariadb-slap mariadb-binlog mariadb-upgrade " +
		"mariadb-backup mycli mytop mysqldumpslow mysqlsh innobackupex xtrabackup": {
		attached: "p", value: "uhDePSorRwWOG", flags: "ABCEHNbcfijnqstvx", places: [][]string{{"password", "!"}},
	},
	"mydumper myloader maxctrl mysqldiff pt-query-digest pt-online-schema-change pt-table-checksum pt-archiver pt-table-sync pt-kill pt-heartbeat": {
		secret: "p", value: "uhPSBTDo",
	},
	"psql pg_dump pg_dumpall pg_restore pg_basebackup createdb dropdb createuser vacuumdb reindexdb pg_isready pgbench": {value: "UhpdcfvnFjtTPo"},
	"redis-cli valkey-cli keydb-cli": {
		secret: "a", value: "hpnutsriDd", names: true,
		places: [][]string{{"AUTH", "!"}, {"auth", "!"}, {"AUTH", "*", "!"}, {"auth", "*", "!"}},
	},
	"redis-benchmark valkey-benchmark": {secret: "a", value: "hpcndtrPI"},
	"mongo mongosh mongodump mongorestore mongoimport mongoexport mongostat mongotop mongofiles": {secret: "p", value: "uhdcq", names: true},
	"cqlsh":                           {secret: "p", value: "uekf"},
	"sqlcmd bcp osql fisql tsql isql": {secret: "P", value: "SUdQiohstvV"},
	"sqlplus sqlldr expdp impdp exp imp rman sqlcl": {oracle: true},
	"influx":                       {secret: "t", single: true, long: longs{"t": secret}, value: "bo"},
	"clickhouse-client clickhouse": {value: "hudq"},
	"cypher-shell beeline":         {secret: "p", value: "uadnef"},
	"couchbase-cli cbbackup cbq cbimport cbexport": {secret: "p", value: "ucb"},
	"usql pgcli": {value: "hpUudW"},
	"db2":        {names: true},
	"snowsql":    {value: "audswrhp"},
	"dsconf dsidm ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldapcompare ldapmodrdn ldapexop": {secret: "w", value: "DHbhpsfyYUROXl"},
	"slappasswd": {secret: "s", value: "chTo"},
	"samba-tool": {places: [][]string{{"user", "create", "*", "!"}, {"user", "add", "*", "!"}}},
	"ldappasswd": {secret: "was", value: "DHhpyYUROX"},
}

var transfer = table{
	"curl": {
		pair: "uUE", cookie: "b", value: "XdoAeTHmCcDFKPQrtwxyYz", flags: "sSfkvLiIgGNOJRaZ#0123469jlnpqV",
		long: longs{
			"user": pair, "proxy-user": pair, "cert": pair, "proxy-cert": pair, "cookie": cookies, "pass": secret, "proxy-pass": secret,
			"tlspassword": secret, "oauth2-bearer": secret,
		},
	},
	"wget wget2":                      {value: "OoPUait", long: longs{"http-passwd": secret}},
	"aria2c axel":                     {value: "doxsU"},
	"http https xh xhs httpie":        {pair: "a", long: longs{"auth": pair}},
	"ab":                              {pair: "AP", cookie: "C", value: "nctspTHvXgeEmu"},
	"wrk wrk2 siege vegeta grpcurl":   {value: "Hctdsnp"},
	"hey oha bombardier k6":           {pair: "a", value: "Hncqzmdt"},
	"lftp open":                       {pair: "u", sep: ',', code: "ec", value: "p"},
	"ncftp ncftpput ncftpget ncftpls": {secret: "p", value: "uPf"},
	"scp rsync rclone sftp git hg bzr": {
		paths: true, value: "PiFoleCcf", text: "m", flags: "avzrtpughnPqasS",
		subs: map[string]*program{"obscure": {places: [][]string{{"!"}}}, "config": {names: true}, "clone": {paths: true, value: "bcou"}},
	},
	"svn": {text: "m", value: "r"},
	"smbclient smbget rpcclient smbcacls smbtree net winexe nmblookup wmic pth-winexe smbspool smbcquotas": {
		pair: "U", sep: '%', value: "WcIptsdDm", long: longs{"user": pair}, slash: true,
		places: [][]string{{"user", "*", "!"}, {"use", "*", "!"}},
	},
	"mount.cifs":             {value: "o"},
	"sshpass":                {secret: "p", value: "fPd", wraps: 1},
	"plink pscp psftp putty": {single: true, long: longs{"pw": secret}, value: "Pli"},
	"xfreerdp wfreerdp xfreerdp3 sdl-freerdp": {slash: true},
	"rdesktop":            {secret: "p", value: "udgakcrnx"},
	"x11vnc vncviewer":    {single: true},
	"swaks":               {long: longs{"ap": secret, "auth-password": secret}, value: "tfsh"},
	"sendemail sendEmail": {single: true, long: longs{"xp": secret, "m": sentence, "u": sentence}},
	"imapsync":            {long: longs{"passwd1": secret, "passwd2": secret}},
	"mosquitto_pub mosquitto_sub mosquitto_rr": {secret: "P", value: "hputmiqkL"},
	"mail mailx mutt":                          {text: "s", value: "carS"},
	"s3cmd s3fs":                               {value: "c"},
	"mc":                                       {places: [][]string{{"alias", "set", "*", "*", "*", "!"}, {"config", "host", "add", "*", "*", "*", "!"}}},
	"evil-winrm crackmapexec nxc netexec hydra medusa impacket-psexec": {secret: "p", value: "uliHs"},
}

var login = program{secret: "p", value: "u", long: longs{"creds": pair}}

var services = table{
	"docker podman nerdctl buildah docker-compose": {
		wraps: anywhere, paths: true, value: "eupvwhnlHcfm", flags: "itdqPaVT", long: longs{"creds": pair, "secret": value},
		subs: map[string]*program{"login": &login},
	},
	"skopeo": {
		paths: true, long: longs{"creds": pair, "src-creds": pair, "dest-creds": pair, "username": value},
		subs: map[string]*program{"login": &login},
	},
	"crane oras regctl helm cosign": {
		paths: true, value: "nf", subs: map[string]*program{"login": &login, "registry": {subs: map[string]*program{"login": &login}}},
	},
	"oc":          {wraps: anywhere, value: "nfcol", subs: map[string]*program{"login": &login}},
	"kubectl k3s": {wraps: anywhere, value: "nfcol", flags: "it"},
	"cf ibmcloud": {value: "nogu", names: true, subs: map[string]*program{"login": &login}},
	"az": {
		value: "nogu", names: true, subs: map[string]*program{
			"login": &login, "acr": {subs: map[string]*program{"login": &login}}, "keyvault": {long: longs{"value": secret}},
		},
	},
	"aws":    {names: true, subs: map[string]*program{"put-parameter": {long: longs{"value": secret}}}},
	"gcloud": {names: true, long: longs{"secret": value}},
	"npm yarn pnpm pip pip3 composer bundle heroku firebase vercel netlify wrangler pulumi": {
		names: true, text: "mbt", long: longs{"notes": sentence},
		subs: map[string]*program{"secrets": {names: true, places: [][]string{{"put", "*", "!"}, {"set", "*", "!"}}}},
	},
	"gh glab": {
		names: true, text: "mbt", long: longs{"notes": sentence},
		subs: map[string]*program{"secret": {secret: "b", value: "rea", long: longs{"body": secret}}, "variable": {value: "rea"}},
	},
	"cargo":  {places: [][]string{{"login", "!"}}},
	"poetry": {names: true, places: [][]string{{"config", "*", "*", "!"}}},
	"vault bao": {
		single: true,
		subs:   map[string]*program{"login": {single: true, places: [][]string{{"!"}}}, "unseal": {places: [][]string{{"!"}}}},
	},
	"consul nomad": {single: true, names: true},
	"ngrok":        {places: [][]string{{"authtoken", "!"}, {"config", "add-authtoken", "!"}}, names: true},
	"snyk":         {places: [][]string{{"auth", "!"}}, names: true},
	"doctl":        {secret: "t", names: true},
	"grafana-cli grafana": {
		places: [][]string{{"admin", "reset-admin-password", "!"}, {"cli", "admin", "reset-admin-password", "!"}},
	},
	"bw":            {places: [][]string{{"unlock", "!"}, {"login", "*", "!"}}},
	"etcdctl":       {long: longs{"user": pair}},
	"rabbitmqadmin": {secret: "p", value: "uHPVsf"},
	"rabbitmqctl": {
		value: "nptl", flags: "q", places: [][]string{{"add_user", "*", "!"}, {"change_password", "*", "!"}, {"authenticate_user", "*", "!"}},
	},
	"kafkacat kcat":                 {value: "XbtpoF"},
	"ansible ansible-playbook":      {value: "eiulmaM", flags: "vKkbCD"},
	"ansible-vault":                 {places: [][]string{{"encrypt_string", "!"}}},
	"terraform tofu":                {single: true},
	"twine":                         {secret: "p", value: "ru"},
	"dotnet nuget":                  {secret: "k", value: "s"},
	"java javaw mvn gradle gradlew": {single: true},
	"keytool jarsigner":             {single: true},
	"govc":                          {single: true, long: longs{"u": pair}},
	"jenkins-cli":                   {pair: "a", single: true, long: longs{"auth": pair}},
	"snmpget snmpwalk snmpset snmpbulkwalk snmpbulkget snmptable snmptrap snmpgetnext": {
		secret: "cAX", value: "vulaxnetrO",
	},
	"ipmitool ipmi-power ipmi-sensors ipmipower": {secret: "PpkK", value: "HUIL"},
	"racadm": {secret: "p", value: "ru"},
}

var archives = table{
	"zip unzip zipcloak funzip": {secret: "P", value: "xinbt", flags: "rqojmuve9y"},
	"7z 7za 7zr 7zz":            {attached: "p", value: "otmx"},
	"rar unrar":                 {attached: "p", value: "wvm", flags: "h"},
	"openssl": {
		single: true, subs: map[string]*program{"passwd": {single: true, places: [][]string{{"!"}}, long: longs{"salt": value, "in": value}}},
		long: longs{
			"passin": source, "passout": source, "pass": source, "k": secret, "K": secret, "hmac": secret, "key": value, "kfile": value,
		},
	},
	"gpg gpg2":         {value: "reuo"},
	"ssh-keygen":       {secret: "NP", value: "tfbCOIsmYV"},
	"htpasswd":         {flags: "bcBmidsp5v", value: "Cr", places: [][]string{{"*", "*", "!"}}, subs: htpasswdPrints()},
	"wpa_passphrase":   {places: [][]string{{"*", "!"}}},
	"mkpasswd cryptpw": {value: "msSR", places: [][]string{{"!"}}},
	"pkcs11-tool ykman yubico-piv-tool softhsm2-util pkcs15-init": {
		secret: "pP", long: longs{"pin": secret, "so-pin": secret, "puk": secret, "new-pin": secret, "auth-id": value},
	},
	"qpdf":               {subs: map[string]*program{"--encrypt": {places: [][]string{{"!", "!"}}}}},
	"openvpn":            {long: longs{"auth-user-pass": value, "askpass": value}},
	"pdftk":              {names: true},
	"pdftotext pdftoppm": {single: true, long: longs{"upw": secret, "opw": secret}},
}

var system = table{
	"echo printf": {prose: true, echo: true},
	"logger wall notify-send write say cowsay figlet zenity dialog whiptail xmessage": {prose: true},
	"grep egrep fgrep zgrep rg ag ack man apropos whatis locate fd":                   {prose: true},
	"chpasswd passwd cryptsetup smbpasswd kinit pdbedit mysql_config_editor":          {reads: true},
	"find": {
		single: true,
		subs:   map[string]*program{"-exec": {wraps: 1}, "-execdir": {wraps: 1}, "-ok": {wraps: 1}},
	},
	"nmcli wpa_cli":   {names: true},
	"openconnect":     {value: "ucg", long: longs{"cookie": secret}},
	"useradd usermod": {secret: "p", value: "cdegGksuLU"},
	"expect":          {expect: true},
	"ffmpeg ffprobe":  {single: true, long: longs{"pass": value}},
	"vncpasswd":       {reads: true},
	"steamcmd":        {places: [][]string{{"+login", "*", "!"}}},
}

var runners = table{
	"sudo doas":   {wraps: 1, value: "ugpChrtTUDR", flags: "AbEHKknPSsil"},
	"su runuser":  {wraps: anywhere, value: "sgG", code: "c"},
	"env":         {wraps: 1, value: "uSC", flags: "iv0"},
	"nice ionice": {wraps: 1, value: "ncpPu"},
	"timeout":     {wraps: 2, value: "ks"},
	"nohup setsid stdbuf time catchsegv eatmydata torsocks proxychains proxychains4 unbuffer tini dumb-init": {
		wraps: 1, value: "ieofp",
	},
	"strace ltrace valgrind gdb": {wraps: 1, value: "eopEasuXP"},
	"chroot chrt taskset":        {wraps: 2, value: "p"},
	"gosu su-exec setuidgid chpst firejail setpriv prlimit unshare dbus-run-session xvfb-run faketime capsh": {wraps: anywhere},
	"nsenter":     {wraps: anywhere, value: "tSGr"},
	"flock":       {wraps: 2, value: "wE", code: "c"},
	"ssh autossh": {wraps: 2, remote: true, value: "bcDEeFIiJLlmOopQRSWwM"},
	"xargs":       {wraps: 1, value: "IinLPsdEa"},
	"watch":       {wraps: 1, value: "n", remote: true},
	"parallel ip lxc lxc-attach incus machinectl systemd-nspawn systemd-run start-stop-daemon busybox toybox tmux screen script cron anacron": {
		wraps: anywhere, value: "pnMCEutSL",
	},
	"sh bash dash zsh ksh ash fish mksh rbash":      {code: "c", value: "oO", flags: "lixeuv"},
	"python python2 python3 perl ruby node php lua": {value: "ceEmrI"},
}

// htpasswdPrints are the options with which htpasswd has no file to write to.
func htpasswdPrints() map[string]*program {
	m := make(map[string]*program)
	for _, option := range []string{"-nb", "-bn", "-nbB", "-nBb", "-bnB", "-bBn", "-Bnb", "-Bbn", "-nbm", "-nbs", "-nbBC"} {
		m[option] = &program{value: "Cr", flags: "B", places: [][]string{{"*", "!"}}}
	}
	m["-nbBC"].places = [][]string{{"*", "*", "!"}}
	return m
}
