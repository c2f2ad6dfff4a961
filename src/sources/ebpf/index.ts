/** The source `ebpf`: what processes of this machine do, straight from the kernel. */

import { statSync } from 'node:fs';
import { Observable } from 'rxjs';
import { z } from 'zod';
import {
  bootOffsetNs,
  DATA_MAX,
  HEAD_MAX,
  HEAD_STEP,
  missable,
  openSensor,
  type Sensor,
} from '../../../native/index.ts';
import { type Demands, defineSource, type SourceContext } from '../../core/component.ts';
import { duration, size } from '../../core/config.ts';
import type { EventList } from '../../core/event.ts';
import { liveAck } from '../../core/flow/ack.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Accounts } from '../../events/accounts.ts';
import { catalogues } from '../../events/catalogue.ts';
import { ContainerAccounts } from '../../events/container-accounts.ts';
import { Hosts } from '../../events/hosts.ts';
import { KernelContext } from '../../events/kernel/context.ts';
import { kernelFills, kernelForm } from '../../events/kernel/form.ts';
import { baseSyscallsConfig, warnOfBaseSyscalls } from './base-syscalls.ts';
import { Capture } from './capture.ts';
import { containersConfig, openContainers } from './containers.ts';
import { longerBlocks } from './longer-blocks.ts';
import { sayMissingRights } from './rights.ts';
import { emitsHere, type Wanted, wantedFor } from './wanted.ts';

const isPowerOfTwo = (bytes: number) => Number.isInteger(Math.log2(bytes));

/** How much of something long is kept. */
const head = () =>
  size()
    .refine((bytes) => bytes > 0 && bytes % HEAD_STEP === 0 && bytes <= HEAD_MAX, {
      message: 'The size is a multiple of 4KiB, up to 32KiB: 4KiB, 8KiB, 32KiB',
    })
    .prefault('4KiB');

const config = z.strictObject({
  ring: size()
    .refine((bytes) => isPowerOfTwo(bytes) && bytes >= 65_536 && bytes <= 2 ** 30, {
      message: 'The ring is a power of two from 64KiB to 1GiB: 8MiB, 16MiB, 32MiB',
    })
    .prefault('16MiB')
    .describe('Room for events between the kernel and this program.'),
  scope: z
    .strictObject({
      descendants_of: z
        .int()
        .min(1)
        .describe(
          'A process id; the process itself is included. Ancestors of it are not known: fields of them are `<NA>`.',
        ),
    })
    .optional()
    .describe('Only some processes. Default: all of the machine.'),
  failed_exec: z
    .boolean()
    .default(false)
    .describe('Also executions that fail. They come anyway when a rule looks at other system calls.'),
  base_syscalls: baseSyscallsConfig,
  snaplen: z
    .int()
    .min(1)
    .max(DATA_MAX)
    .default(80)
    .describe('Bytes of what calls read, write, send and receive that rules can see; copied only when one does.'),
  max_args: head().describe(
    'Bytes of the arguments of a process that are kept: so many of their beginning, and the last 1,024. Where the middle is ' +
      'missing `proc.args.cut` is true.',
  ),
  max_env: head().describe('The same of its environment, which is copied only when a rule reads it: `proc.env.cut`.'),
  max_wait: duration()
    .refine((ms) => ms >= 1 && ms <= 100, { message: 'The wait is from 1ms to 100ms' })
    .prefault('4ms')
    .describe(
      'While many events come and none of them is for a sink, an event waits for others so long. The first after a silence ' +
        'waits for none, and while there are alerts it is 1 ms: those of other sources, too, so that it has no effect in a run ' +
        'where something is on its way to a sink all the time. More costs less CPU. When a quarter of the ring is in use ' +
        'none waits any longer.',
    ),
  pushdown: z
    .boolean()
    .default(true)
    .describe('Drop in the kernel what no rule can match. Alerts are the same without it, at a higher price.'),
  containers: containersConfig,
});

export const ebpf = defineSource({
  type: 'ebpf',
  summary: 'What processes of this machine do: programs, files, connections, straight from the kernel.',
  config,
  examples: [
    { title: 'The whole machine', yaml: 'node: { type: ebpf }' },
    {
      title: 'Containers known by Podman alone, waited for up to a second',
      yaml: 'node: { type: ebpf, containers: { sockets: { podman: [/run/podman/podman.sock] }, metadata_wait: 1s } }',
    },
    { title: 'One process and its descendants', yaml: 'app: { type: ebpf, scope: { descendants_of: 4711 } }' },
  ],
  delivery: 'at_most_once',
  borrows: true,
  emits: () => ['syscall'],
  emitsType: (_source, type, { base_syscalls }) => !base_syscalls.custom_set.includes(`!${type}`) && emitsHere(type),
  fills: (_source, field, { containers }, eventType) => {
    const ref = catalogues.get('syscall')?.find(field);
    return (
      ref !== undefined && kernelFills(ref, eventType) && (containers !== 'off' || !kernelForm.late?.includes(ref))
    );
  },
  prepare: ({ base_syscalls }, plan) => warnOfBaseSyscalls(base_syscalls, plan),
  open: (options, ctx) =>
    new Observable<Batch>((subscriber) => {
      const capture = open(options, ctx, {
        next: (batch) => subscriber.next(batch),
        error: (error) => subscriber.error(error),
      });
      return () => capture.close();
    }),
});

/** The configuration of the source. */
export type EbpfConfig = z.output<typeof config>;

/** What is collected by a configuration for what is wanted below. */
export function wantedBy(options: EbpfConfig, demands: Demands): Wanted {
  const { failed_exec: failedExec, pushdown, base_syscalls: base, snaplen } = options;
  return wantedFor(demands.get('syscall'), { failedExec, pushdown, base, snaplen });
}

interface Observer {
  next(batch: Batch): void;
  error(error: unknown): void;
}

function open(options: EbpfConfig, ctx: SourceContext, observer: Observer): { close(): void } {
  const { scope, max_args: argsHead, max_env: envHead } = options;
  const wanted = wantedBy(options, ctx.demand);
  const sensor = openSensor({
    ringBytes: options.ring,
    argsHead,
    envHead,
    ...wanted.sensor,
    ...(scope === undefined ? {} : { scope: { descendantsOf: scope.descendants_of } }),
  });
  const countPrograms = () => {
    ctx.metrics.counter('programs').value = sensor.programs().filter(({ attached }) => attached).length;
  };
  countPrograms();
  sayMissable(sensor, ctx);
  sayMissingRights(ctx.log);
  const sayUnseen = onceUnseen(sensor, ctx);
  sayUnseen(wanted);
  const containers = openContainers(options.containers, ctx);
  const hosts = openHosts(ctx);
  const capture = new Capture({
    sensor,
    kinds: wanted.kinds,
    ringBytes: options.ring,
    maxWait: options.max_wait,
    ctx,
    containers: containers.table,
    longer: longerBlocks({ cmdline: argsHead, environ: envHead }),
    context: new KernelContext({
      names: accounts(),
      containerNames: new ContainerAccounts(),
      hosts,
      bootOffset: bootOffsetNs(),
      hostMountNamespace: ownMountNamespace(),
    }),
    bootOffset: bootOffsetNs,
    deliver: (slab) => deliver(slab),
    failed: (error) => observer.error(error),
  });
  const deliver = (events: EventList) => observer.next({ source: 'syscall', form: kernelForm, events, ack: liveAck });
  try {
    // Without events: what is below makes itself ready for the first, and has run by then.
    deliver([]);
    capture.start();
  } catch (error) {
    containers.close();
    hosts.close();
    sensor.close();
    throw error;
  }
  // Records that waited in the ring are judged by the new rules; the old ones wanted no more of them than they had.
  const unlisten = ctx.onDemand((demands) => {
    const next = wantedBy(options, demands);
    sensor.configure(next.sensor);
    capture.kinds = next.kinds;
    sayUnseen(next);
    hosts.want(hostsOf(demands));
    countPrograms();
  });
  const finish = () => capture.finish();
  ctx.signal.addEventListener('abort', finish, { once: true });
  return {
    close: () => {
      ctx.signal.removeEventListener('abort', finish);
      unlisten();
      containers.close();
      hosts.close();
      capture.close();
    },
  };
}

function sayMissable(sensor: Sensor, ctx: SourceContext): void {
  const risk = sensor.programs().find((program) => program.risk)?.risk;
  if (risk) ctx.report('health', { reason: 'preemption', message: missable(risk) });
}

/** Says, once calls are read, which of their ways this kernel does not show. */
function onceUnseen(sensor: Sensor, ctx: SourceContext): (wanted: Wanted) => void {
  let said = false;
  return ({ sensor: { calls } }) => {
    const obstacle = sensor.programs().find((program) => program.obstacle)?.obstacle;
    if (said || calls.size === 0 || !obstacle) return;
    said = true;
    ctx.report('gap', { reason: 'io_uring', message: `what goes through io_uring is not seen: ${obstacle}` });
  };
}

const hostsOf = (demands: Demands) => demands.get('syscall')?.hosts ?? new Set<string>();

/** Looks up the names that rules compare addresses with. Until the first answers no address has one. */
function openHosts(ctx: SourceContext): Hosts {
  const hosts = new Hosts({
    ended: (outcome) => ctx.metrics.add('hosts', outcome, 1),
    unknown: (names) => {
      const [first, more] = [names.slice(0, 5).join(', '), names.length > 5 ? ` and ${names.length - 5} more` : ''];
      const message = `no address is known for ${first}${more}: what compares with such names does not match`;
      ctx.report('health', { reason: 'host_names', message });
    },
  });
  hosts.want(hostsOf(ctx.demand));
  return hosts;
}

/** The users and groups of this machine; their files have been read: the first event need not wait for that. */
function accounts(): Accounts {
  const names = new Accounts();
  names.userName(0);
  names.groupName(0);
  return names;
}

/** The number of the mount namespace whose passwd and group files are read. */
function ownMountNamespace(): number | undefined {
  return statSync('/proc/self/ns/mnt', { throwIfNoEntry: false })?.ino;
}
