/** Names of capabilities (capability(7)), by bit. */

const NAMES =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`.split(/\s+/);

let lastSet: number | bigint = 0;
let lastText = '';

/** The names of a set of capabilities, blanks between; the set comes as `u64` numbers do. */
export function capabilityNames(set: number | bigint): string {
  // Most processes have one of two sets: none, or all.
  if (set !== lastSet) {
    const bits = BigInt(set);
    lastText = NAMES.filter((_, bit) => (bits >> BigInt(bit)) & 1n)
      .map((name) => `CAP_${name}`)
      .join(' ');
    lastSet = set;
  }
  return lastText;
}
