/** Sets of capabilities as cap_from_text(3) reads them: `all=iep`, `cap_net_raw,cap_chown+ep cap_kill-e`. */

const NAMES =
  `chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot
sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`.split(/\s+/);

const numbers = new Map(NAMES.map((name, index) => [`cap_${name}`, 1n << BigInt(index)]));
const ALL = (1n << BigInt(NAMES.length)) - 1n;

export interface CapabilitySets {
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly inheritable: bigint;
}

/** @throws Error that says what is wrong with the text */
export function parseCapabilities(text: string): CapabilitySets {
  const sets = { p: 0n, e: 0n, i: 0n };
  for (const clause of text.trim().toLowerCase().split(/\s+/)) {
    const [, names = '', actions = ''] = /^([a-z_,]*)((?:[=+-][eip]*)+)$/.exec(clause) ?? [];
    if (actions === '') throw new Error(`"${clause}" is no clause as all=iep or cap_net_raw+ep`);
    const mask = maskOf(names);
    for (const [, operator, flags = ''] of actions.matchAll(/([=+-])([eip]*)/g)) {
      if (operator === '=') for (const flag of 'pei') sets[flag as 'p'] &= ~mask;
      for (const flag of flags) {
        if (operator === '-') sets[flag as 'p'] &= ~mask;
        else sets[flag as 'p'] |= mask;
      }
    }
  }
  if ((sets.e & ~sets.p) !== 0n) throw new Error('what is effective has to be permitted too');
  return { permitted: sets.p, effective: sets.e, inheritable: sets.i };
}

function maskOf(names: string): bigint {
  if (names === '' || names === 'all') return ALL;
  return names.split(',').reduce((mask, name) => {
    const bit = numbers.get(name);
    if (bit === undefined) throw new Error(`there is no capability ${name}`);
    return mask | bit;
  }, 0n);
}
