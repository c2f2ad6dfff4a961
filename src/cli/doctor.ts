/** `falco-pipe doctor`: what the kernel source needs, what of it is here, and how to mend the rest. */

import {
  type Feature,
  isOptional,
  missable,
  openSensor,
  type Probe,
  probe,
  SensorError,
  WITHOUT,
} from '../../native/index.ts';
import { exitCode, messageOf } from '../core/errors.ts';
import { agentLines, agents } from './agents.ts';
import { say } from './say.ts';

export interface DoctorOptions {
  readonly output: string;
}

interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Without it the kernel source works, but less well. */
  readonly optional?: true;
  readonly found: string;
  /** How to mend it. */
  readonly advice?: string;
  /** The exit status when it is not ok: rights are something else than features. */
  readonly exit: number;
}

/** Prints each check; exit status 0 when the kernel source can run, 77 when rights are missing, 69 when something else is. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const found = probe();
  const checks = checksOf(found);
  if (checks.every(({ ok, optional }) => ok || optional)) checks.push(programsCheck(found));
  const bad = checks.filter(({ ok, optional }) => !ok && !optional);
  process.exitCode = bad.find(({ exit }) => exit !== exitCode.noPermission)?.exit ?? bad[0]?.exit ?? exitCode.ok;
  const running = await agents(MEASURED_MS);
  if (options.output === 'json') {
    const programs = running.flatMap(({ pid, programs }) => programs.map((program) => ({ ...program, pid })));
    const statuses = running.flatMap(({ status }) => status ?? []);
    const found = { measured_ms: MEASURED_MS, programs, agents: statuses };
    const answer = { ok: bad.length === 0, checks: checks.map(forPrograms), ...found };
    say(`${JSON.stringify(answer)}\n`);
    return;
  }
  for (const check of checks) say(line(check));
  for (const agent of running) say(`${agentLines(agent, MEASURED_MS).join('\n')}\n`);
  if (running.some(({ status }) => status)) say(`${FURTHER}\n`);
  const end =
    bad.length === 0
      ? 'The kernel source can run here.'
      : `The kernel source cannot run here: ${bad.map(({ name }) => name).join(', ')}.`;
  say(`${end}\n`);
}

const MEASURED_MS = 500;
const FURTHER =
  "More of an agent: 'falco-pipe status PID'. Why a rule does not fire: 'falco-pipe rules explain NAME PIPELINE'.";

function forPrograms({ exit: _, advice, ...check }: Check): object {
  return check.ok || advice === undefined ? check : { ...check, advice };
}

function line({ name, ok, optional, found, advice }: Check): string {
  const mark = ok ? 'ok  ' : optional ? 'note' : 'BAD ';
  return `${mark}  ${name.padEnd(22)} ${found}\n${ok || !advice ? '' : `      ${advice}\n`}`;
}

function checksOf(found: Probe): Check[] {
  return [
    nodeCheck(),
    kernelCheck(found),
    btfCheck(found),
    ...(found.proc ? rightsChecks(found) : [noProc]),
    lockdownCheck(found),
    addonCheck(found),
    ...featureChecks(found),
  ];
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 22 || (major === 22 && minor >= 22);
  const advice = 'Install Node.js 22.22 or later.';
  return { name: 'Node.js', ok, found: process.versions.node, advice, exit: exitCode.unavailable };
}

function kernelCheck({ kernel }: Probe): Check {
  const [major = 0, minor = 0] = kernel.split('.').map(Number.parseFloat);
  const version = major * 1000 + minor;
  const level =
    version >= 6002 ? 'supported' : version >= 5018 ? 'supported, events cost more than from 6.2 on' : 'too old';
  const advice = 'Use a kernel of version 5.18 or later; from 6.2 on events cost less.';
  return { name: 'kernel', ok: version >= 5018, found: `${kernel} (${level})`, advice, exit: exitCode.unavailable };
}

function btfCheck({ btf }: Probe): Check {
  const found = btf ? '/sys/kernel/btf/vmlinux' : 'no /sys/kernel/btf/vmlinux';
  const advice =
    'Use a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian, Ubuntu, Fedora have it); in a container, mount /sys.';
  return { name: 'BTF', ok: btf, found, advice, exit: exitCode.unavailable };
}

const noProc: Check = {
  name: '/proc',
  ok: false,
  optional: true,
  found: 'not mounted: which capabilities are held is not known, nor the names of users in containers',
  advice: 'Mount it; in a container, that of the host (hostPID: true).',
  exit: exitCode.unavailable,
};

function rightsChecks({ capabilities }: Probe): Check[] {
  const has = (name: keyof Probe['capabilities']) => capabilities[name] || capabilities.sys_admin;
  const check = (name: keyof Probe['capabilities'], what: string, optional: boolean): Check => ({
    name: `CAP_${name.toUpperCase()}`,
    ok: optional ? capabilities[name] : has(name),
    ...(optional ? { optional: true as const } : {}),
    found: has(name) ? 'held' : `missing: ${what}`,
    advice: `Run as root, or give the service AmbientCapabilities=CAP_${name.toUpperCase()} (deploy/falco-pipe.service).`,
    exit: exitCode.noPermission,
  });
  return [
    check('bpf', 'the programs cannot be loaded', false),
    check('perfmon', 'the programs cannot be attached', false),
    check('sys_ptrace', WITHOUT.sys_ptrace, true),
    check('dac_read_search', WITHOUT.dac_read_search, true),
  ];
}

function lockdownCheck({ lockdown }: Probe): Check {
  const advice = 'Boot with lockdown=integrity or none: confidentiality forbids reading kernel memory.';
  return {
    name: 'lockdown',
    ok: lockdown !== 'confidentiality',
    found: lockdown ?? 'not in use',
    advice,
    exit: exitCode.noPermission,
  };
}

function addonCheck({ addon }: Probe): Check {
  const ok = 'path' in addon;
  const found = ok ? `${addon.path} (libbpf ${addon.libbpf})` : addon.error;
  return { name: 'addon', ok, found, advice: 'Build it: make build.', exit: exitCode.unavailable };
}

function featureChecks({ features, capabilities: held, btf, proc }: Probe): Check[] {
  // Without rights, or names of types, everything is refused, which says nothing of the kernel.
  const lacksRights = proc && !held.sys_admin && !(held.bpf && held.perfmon);
  const blind = lacksRights ? 'not tried without the rights above' : btf ? undefined : 'not tried without BTF';
  return features.map((feature) => ({
    name: feature.name,
    ok: feature.present,
    ...(blind || isOptional(feature) ? { optional: true as const } : {}),
    found: feature.present ? 'works' : (blind ?? refusal(feature)),
    ...(blind ? {} : { advice: featureAdvice(feature) }),
    exit: feature.error === REFUSED ? exitCode.noPermission : exitCode.unavailable,
  }));
}

/** Lines of what the verifier says that are shown: the last ones say what it refuses. */
const SHOWN = 12;

/** How perf can be had. */
function perfAdvice(risk: string): string {
  if (risk.startsWith('/sys/kernel/tracing')) {
    return 'Mount tracefs there, with the right to read it; in a container, that of the node.';
  }
  if (!risk.startsWith('perf_event_open')) return 'Report what this prints: that is a bug.';
  return "A container's seccomp filter or a security module forbids perf_event_open(2): allow it there.";
}

/**
 * Files that a run has open and `doctor` has not: its state, with a thread of its own, has 9, the control socket and HTTP
 * two, each sink that writes a file one, and the rest is for connections. Measured: test/cli/doctor.test.ts.
 */
const OF_A_RUN = 24;

/** Whether this kernel takes the programs: each part of them is tried above, but a verifier has limits of its own. */
function programsCheck({ features }: Probe): Check {
  const wanted = { calls: new Map([['kill', 'all'] as const]), real: false, file: false, env: false };
  const check = { name: 'programs', exit: exitCode.unavailable };
  const scope = { descendantsOf: process.pid };
  try {
    const sensor = openSensor({ ...wanted, ringBytes: 1 << 16, scope, spareFiles: OF_A_RUN });
    const programs = sensor.programs();
    sensor.close();
    const risk = programs.find((program) => program.risk !== '')?.risk;
    if (risk !== undefined)
      return { ...check, ok: false, optional: true, found: missable(risk), advice: perfAdvice(risk) };
    const obstacle = programs.find((program) => program.obstacle !== '')?.obstacle;
    const isKnown = features.some(({ name, present }) => name === 'io_uring' && !present);
    if (obstacle === undefined || isKnown) return { ...check, ok: true, found: 'load and attach' };
    return { ...check, ok: false, optional: true, found: `what goes through io_uring is not seen: ${obstacle}` };
  } catch (error) {
    if (!(error instanceof SensorError)) throw error;
    const { diagnostics, exit, log } = error;
    const said = [diagnostics[0]?.hint ?? '', ...log.trimEnd().split('\n').slice(-SHOWN)];
    return { ...check, ok: false, found: messageOf(error), advice: said.join('\n      '), exit };
  }
}

/** EPERM in words. */
const REFUSED = 'Operation not permitted';

function refusal({ name, error }: Feature): string {
  if (name === 'io_uring') return `what goes through it is not seen: ${error}`;
  return `refused${error ? `: ${error}` : ''}`;
}

function featureAdvice({ name, error }: Feature): string {
  if (name === 'io_uring') return 'Use a newer kernel, or forbid io_uring: sysctl kernel.io_uring_disabled=2.';
  return error === REFUSED
    ? "A container's seccomp filter or a security module forbids bpf(2): allow it there."
    : 'Use a newer kernel, or one built with BPF tracing.';
}
