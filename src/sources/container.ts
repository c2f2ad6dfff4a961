/** The source `container`: what becomes of the containers of this machine, as their runtimes tell it. */

import { Observable } from 'rxjs';
import { z } from 'zod';
import { followAll, type Gap } from '../containers/follow.ts';
import type { Lifecycle, Runtime } from '../containers/runtime.ts';
import { Runtimes, socketsConfig } from '../containers/sockets.ts';
import { defineSource, type SourceContext } from '../core/component.ts';
import { liveAck } from '../core/flow/ack.ts';
import type { Batch } from '../core/flow/batch.ts';
import { catalogues } from '../events/catalogue.ts';
import type { Container } from '../events/containers/container.ts';
import { lifecycleEvent, type WithArguments } from '../events/containers/lifecycle.ts';
import { isSeenHere, originHere } from '../events/origin.ts';
import { recordForm } from '../events/record.ts';

/** Containers of one runtime that are remembered, so that their end can be told with what they were. */
const REMEMBERED = 4096;

const config = z.strictObject({
  sockets: socketsConfig.optional().describe('Where the runtimes are reached. Default: the usual sockets that exist.'),
});

export const container = defineSource({
  type: 'container',
  summary: 'What becomes of containers: created, started, ended, removed, with what their runtime knows of them.',
  config,
  examples: [
    { title: 'All runtimes of this machine', yaml: 'containers: { type: container }' },
    {
      title: "Podman's service alone",
      yaml: 'containers: { type: container, sockets: { podman: [/run/podman/podman.sock] } }',
    },
  ],
  delivery: 'at_most_once',
  emits: () => ['container'],
  fills: (_source, field) => isSeenHere(field),
  open: ({ sockets }, ctx) =>
    new Observable<Batch>((subscriber) => {
      const runtimes = new Runtimes(sockets);
      const stop = new AbortController();
      /** Why it is not seen what happens there; undefined: it is. One that does not offer its events is not here. */
      const troubles = new Map<Runtime, string | undefined>();
      // As long as one of them is seen there is something to give.
      const told = () => {
        const whys = [...troubles.values()];
        ctx.trouble(whys.length === 0 || whys.includes(undefined) ? undefined : whys.join('; '));
      };
      const memories = new Map<Runtime, Map<string, Container>>();
      const signal = AbortSignal.any([ctx.signal, stop.signal]);
      followAll(runtimes, {
        signal,
        async event(event, runtime) {
          const memory = memories.get(runtime) ?? new Map<string, Container>();
          memories.set(runtime, memory);
          subscriber.next(await batchOf(event, memory, (id) => runtime.inspect(id, signal), ctx));
        },
        trouble(runtime, why) {
          const message = why === undefined ? undefined : `what becomes of ${whose(runtime)} is not seen: ${why}`;
          const begins = message !== undefined && troubles.get(runtime) === undefined;
          if (begins) ctx.report('health', { reason: reasonOf(runtime), message });
          troubles.set(runtime, message);
          told();
        },
        unoffered(runtime) {
          if (troubles.delete(runtime)) told();
        },
        gap(runtime, gap) {
          const [from, to] = [BigInt(gap.from) * 1_000_000n, BigInt(gap.to) * 1_000_000n];
          const message = `what became of ${whose(runtime)} ${spanOf(gap)}`;
          ctx.report('gap', { reason: reasonOf(runtime), from, to, message });
        },
      }).catch((error) => subscriber.error(error));
      return () => {
        stop.abort(new Error('the source stops'));
        void runtimes.close();
      };
    }),
});

const whose = ({ name, whose, socket }: Runtime) =>
  `containers of ${name}${whose === undefined ? '' : ` for ${whose}`} (${socket})`;

// Each has its own: what is said of several in the same moment is said of each.
const reasonOf = ({ name, whose }: Runtime) =>
  ['container_runtime', name, whose?.toLowerCase() ?? []].flat().join('_').replaceAll('-', '_');

function spanOf({ from, to, why, found }: Gap): string {
  const later = found === 0 ? '' : `; events of it that were found by what there was then: ${found}`;
  const span = to > from ? `for ${Math.ceil((to - from) / 1000)} s` : 'before';
  return `was not seen ${span}: ${why}${later}`;
}

type Wanting = Pick<SourceContext, 'demand'>;

/** A lifecycle event with what its runtime knows of the container. `memory`: containers of that runtime. */
async function batchOf(
  { id, type, time, exitCode, glimpse }: Lifecycle,
  memory: Map<string, Container>,
  inspect: (id: string) => Promise<Container | undefined>,
  ctx: Wanting,
): Promise<Batch> {
  const known = memory.get(id);
  // What has ended cannot be asked for any more, or has lost its addresses.
  const fresh = type === 'create' || type === 'start' || !known;
  const found = fresh ? await inspect(id).catch(() => undefined) : undefined;
  const container = found ?? known ?? glimpse;
  if (type === 'remove') memory.delete(id);
  else if (container) remember(memory, container);
  const record = lifecycleEvent(type, time, { id, container, exitCode }, wantedOf(ctx));
  const events = [record.with({ ...record.fields, ...originHere(ctx.demand.get('container')) })];
  return { source: 'container', form: recordForm, events, ack: liveAck };
}

function remember(memory: Map<string, Container>, container: Container): void {
  memory.delete(container.id);
  memory.set(container.id, container);
  if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value as string);
}

function wantedOf({ demand }: Wanting): WithArguments {
  const fields = [...(demand.get('container')?.fields ?? [])];
  return fields.flatMap((text) => {
    const ref = catalogues.get('container')?.find(text);
    return ref?.arg === undefined ? [] : [{ text, name: ref.field.name, arg: ref.arg }];
  });
}
