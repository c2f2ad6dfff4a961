/** Why the kernel side cannot work here, in words, and what to do. */
import { type Diagnostic, exitCode, messageOf, UserError } from '../src/core/errors.ts';
import { MORE_FILES } from '../src/core/files/file-limit.ts';
import { capabilities, isOptional, lockdown, probe } from './probe.ts';

/** The kernel side cannot work here: exit 77 for want of rights, 69 when the kernel lacks something. */
export class SensorError extends UserError {
  /** What libbpf and the verifier said, for a bug report. */
  readonly log: string;
  constructor(message: string, options: { exit: number; hint: string; log?: string; cause?: unknown }) {
    const { exit, hint, log = '', cause } = options;
    const diagnostic: Diagnostic = { severity: 'error', code: 'SENSOR_UNAVAILABLE', message, hint };
    super(message, { exit, diagnostics: [diagnostic], cause });
    this.name = 'SensorError';
    this.log = log;
  }
}

/** The errnos that say "you may not", and those of a kernel that does not know what we ask for. */
const EPERM = 1;
const ESRCH = 3;
/** What this process has run out of, and where more of it is given. */
const SCARCE: Readonly<Record<number, readonly [message: string, hint: string]>> = {
  12: [
    'there is no memory for the sensor',
    'raise the memory limit of the service or container, or make `ring` smaller',
  ],
  23: ['the sensor needs more files than this system may have open', 'raise the limit: sysctl fs.file-max'],
  24: ['the sensor needs more files than this process may have open', MORE_FILES],
};

/** What the addon says of a step that went wrong, as a SensorError or another UserError; any other error as it is. */
export function explain(error: unknown): unknown {
  const { step, errno, log } = error as { step?: string; errno?: number; log?: string };
  if (step === undefined || errno === undefined) return error;
  const details = log ? { cause: error, log } : { cause: error };
  if (step === 'scope' && errno === ESRCH) {
    return new UserError(`scope: no process has the pid ${log}`, { exit: exitCode.config, cause: error });
  }
  if (step === 'processors') {
    const hint = 'in a container, mount /sys as the kernel has it';
    return new SensorError(`which processors there can be is not known: ${log}`, {
      exit: exitCode.unavailable,
      hint,
      ...details,
    });
  }
  if (errno === EPERM) return noRights(details);
  const [scarce, hint = ''] = SCARCE[errno] ?? [];
  if (scarce !== undefined) {
    const said = step === 'files' ? `${scarce}: ${log}` : scarce;
    return new SensorError(said, { exit: exitCode.unavailable, hint, ...details });
  }
  const missing = probe().features.filter((feature) => !feature.present && !isOptional(feature));
  if (missing.length > 0) {
    const names = missing.map((feature) => feature.name).join(', ');
    return new SensorError(`this kernel lacks what the sensor needs: ${names}`, {
      exit: exitCode.unavailable,
      hint: 'use a kernel of version 5.18 or later with BPF and BTF',
      ...details,
    });
  }
  return new SensorError(`the kernel refused the sensor's programs (${messageOf(error)})`, {
    exit: exitCode.unavailable,
    hint: 'report what `falco-pipe doctor` prints: that is a bug',
    ...details,
  });
}

/** There is no description of the kernel's types. */
export function noBtf(): SensorError {
  return new SensorError('this kernel does not describe its types: there is no /sys/kernel/btf/vmlinux', {
    exit: exitCode.unavailable,
    hint: 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of most distributions; in a container, mount /sys',
  });
}

/** The first two load and attach; the others read what /proc keeps from strangers. */
const AMBIENT = 'CAP_BPF CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH';

function noRights(details: { cause: unknown; log?: string }): SensorError {
  const held = capabilities();
  const lacking = (['bpf', 'perfmon'] as const).filter((name) => !held[name] && !held.sys_admin);
  const exit = exitCode.noPermission;
  if (lacking.length > 0) {
    const names = lacking.map((name) => `CAP_${name.toUpperCase()}`).join(' and ');
    return new SensorError(`this process may not trace the kernel: it lacks ${names}`, {
      exit,
      hint: `run as root, or give the service AmbientCapabilities=${AMBIENT}`,
      ...details,
    });
  }
  const mode = lockdown();
  return new SensorError('the kernel refuses to trace, though this process has CAP_BPF and CAP_PERFMON', {
    exit,
    hint:
      mode === 'confidentiality'
        ? 'the kernel is locked down (confidentiality), which forbids it: boot with lockdown=integrity or none'
        : "a container's seccomp filter or a security module forbids bpf(2): allow it there",
    ...details,
  });
}
