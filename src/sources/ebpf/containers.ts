/** What the source `ebpf` knows of containers beyond their ids: what their runtimes tell. */

import { z } from 'zod';
import { ContainerLookup } from '../../containers/lookup.ts';
import { Runtimes, socketsConfig } from '../../containers/sockets.ts';
import type { Demands, SourceContext } from '../../core/component.ts';
import { wait } from '../../core/config.ts';
import { catalogues } from '../../events/catalogue.ts';
import { ContainerTable } from '../../events/containers/table.ts';
import { kernelForm } from '../../events/kernel/form.ts';

/** The configuration key `containers`. */
export const containersConfig = z
  .union([
    z.literal('off'),
    z.strictObject({
      sockets: socketsConfig.optional().describe('Where runtimes are reached. Default: the usual sockets that exist.'),
      metadata_wait: wait()
        .prefault('250ms')
        .describe('How long rules wait for what a runtime knows of a container, where their verdict depends on it.'),
    }),
  ])
  .prefault({})
  .describe('What runtimes know of containers: names, images, pods. Asked for when something reads it; off: never.');

/** Containers as long as the source is open. */
export interface Containers {
  readonly table: ContainerTable;
  close(): void;
}

/** Asks runtimes while the demand has what only they can tell. */
export function openContainers(config: z.output<typeof containersConfig>, ctx: SourceContext): Containers {
  if (config === 'off') return { table: new ContainerTable(), close: () => {} };
  const lookup = new ContainerLookup({
    runtimes: new Runtimes(config.sockets),
    wait: config.metadata_wait,
    unreachable: (socket, why) => {
      const message = `containers are not known by name: ${socket}: ${why}`;
      ctx.report('health', { reason: 'container_runtime', message });
    },
    unfollowed: (why) => {
      const message = `what becomes of containers is not followed; it is tried again in a few seconds: ${why}`;
      ctx.report('error', { reason: 'container_events', message });
    },
    ended: (outcome) => ctx.metrics.add('containers', outcome, 1),
  });
  const read = (demands: Demands) => {
    lookup.wanted = readsContainers(demands);
  };
  read(ctx.demand);
  const unlisten = ctx.onDemand(read);
  const close = () => {
    unlisten();
    lookup.close();
  };
  return { table: lookup.table, close };
}

/** Whether something is wanted that only runtimes know. */
export function readsContainers(demands: Demands): boolean {
  const catalogue = catalogues.get('syscall');
  return [...(demands.get('syscall')?.fields ?? [])].some((text) => {
    const ref = catalogue?.find(text);
    return ref !== undefined && kernelForm.late?.includes(ref);
  });
}
