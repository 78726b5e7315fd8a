package linux

// syscalls names the calls that rules commonly watch, by architecture as audit
// records write it: x86_64, aarch64, i386.
var syscalls = map[string]map[string]string{
	"c000003e": {
		"2": "open", "41": "socket", "42": "connect", "43": "accept", "49": "bind", "50": "listen", "56": "clone", "57": "fork",
		"58": "vfork", "59": "execve", "62": "kill", "76": "truncate", "77": "ftruncate", "82": "rename", "83": "mkdir", "84": "rmdir",
		"85": "creat", "86": "link", "87": "unlink", "88": "symlink", "90": "chmod", "91": "fchmod", "92": "chown", "93": "fchown",
		"94": "lchown", "101": "ptrace", "105": "setuid", "106": "setgid", "113": "setreuid", "114": "setregid", "117": "setresuid", "119": "setresgid",
		"122": "setfsuid", "133": "mknod", "155": "pivot_root", "159": "adjtimex", "161": "chroot", "164": "settimeofday", "165": "mount", "166": "umount2",
		"169": "reboot", "170": "sethostname", "171": "setdomainname", "175": "init_module", "176": "delete_module", "188": "setxattr", "189": "lsetxattr", "190": "fsetxattr",
		"197": "removexattr", "227": "clock_settime", "246": "kexec_load", "257": "openat", "258": "mkdirat", "259": "mknodat", "260": "fchownat", "263": "unlinkat",
		"264": "renameat", "265": "linkat", "266": "symlinkat", "268": "fchmodat", "272": "unshare", "288": "accept4", "304": "open_by_handle_at", "305": "clock_adjtime",
		"308": "setns", "310": "process_vm_readv", "311": "process_vm_writev", "313": "finit_module", "316": "renameat2", "317": "seccomp", "320": "kexec_file_load", "321": "bpf",
		"322": "execveat", "437": "openat2", "452": "fchmodat2",
	},
	"c00000b7": {
		"5": "setxattr", "33": "mknodat", "34": "mkdirat", "35": "unlinkat", "36": "symlinkat", "37": "linkat", "38": "renameat", "39": "umount2",
		"40": "mount", "45": "truncate", "46": "ftruncate", "51": "chroot", "52": "fchmod", "53": "fchmodat", "54": "fchownat", "55": "fchown",
		"56": "openat", "105": "init_module", "106": "delete_module", "112": "clock_settime", "117": "ptrace", "129": "kill", "142": "reboot", "144": "setgid",
		"146": "setuid", "147": "setresuid", "161": "sethostname", "170": "settimeofday", "171": "adjtimex", "198": "socket", "200": "bind", "201": "listen",
		"202": "accept", "203": "connect", "220": "clone", "221": "execve", "242": "accept4", "266": "clock_adjtime", "268": "setns", "273": "finit_module",
		"276": "renameat2", "277": "seccomp", "280": "bpf", "281": "execveat", "294": "kexec_file_load", "437": "openat2",
	},
	"40000003": {
		"5": "open", "8": "creat", "9": "link", "10": "unlink", "11": "execve", "15": "chmod", "21": "mount", "23": "setuid",
		"38": "rename", "39": "mkdir", "40": "rmdir", "88": "reboot", "102": "socketcall", "128": "init_module", "129": "delete_module", "182": "chown",
		"295": "openat", "301": "unlinkat", "350": "finit_module", "358": "execveat",
	},
}

// numbered names record types that come as numbers, as the kernel's log has them.
var numbered = map[string]string{
	"1006": "LOGIN", "1100": "USER_AUTH", "1101": "USER_ACCT", "1102": "USER_MGMT", "1103": "CRED_ACQ", "1104": "CRED_DISP", "1105": "USER_START", "1106": "USER_END",
	"1107": "USER_AVC", "1108": "USER_CHAUTHTOK", "1109": "USER_ERR", "1110": "CRED_REFR", "1111": "USYS_CONFIG", "1112": "USER_LOGIN", "1113": "USER_LOGOUT",
	"1114": "ADD_USER", "1115": "DEL_USER", "1116": "ADD_GROUP", "1117": "DEL_GROUP", "1123": "USER_CMD", "1130": "SERVICE_START", "1131": "SERVICE_STOP",
	"1300": "SYSCALL", "1302": "PATH", "1305": "CONFIG_CHANGE", "1306": "SOCKADDR", "1307": "CWD", "1309": "EXECVE", "1320": "EOE", "1325": "NETFILTER_CFG",
	"1326": "SECCOMP", "1327": "PROCTITLE", "1334": "BPF", "1400": "AVC", "1403": "MAC_POLICY_LOAD", "1404": "MAC_STATUS", "1700": "ANOM_PROMISCUOUS", "1701": "ANOM_ABEND",
}
