/** The configuration of the source `nats`. */

import { z } from 'zod';
import { duration, size, wait } from '../../core/config.ts';
import { connectionKeys, oneLogin } from '../../nats/connection.ts';
import { partitionKeys, partitionSubject } from '../../nats/partition.ts';

const name = (what: string) =>
  z
    .string()
    .regex(/^[\w-]+$/, 'a name has letters, digits, _ and - only')
    .describe(what);

export const config = z
  .strictObject({
    ...connectionKeys,
    stream: name('The stream.'),
    create_stream: z
      .strictObject({
        max_age: duration()
          .refine((ms) => ms >= 120_000, 'at least 2m')
          .prefault('7d')
          .describe('How long it keeps an event.'),
        max_size: size().prefault('1GiB').describe('What it may hold on disk; then the oldest events give way.'),
        replicas: z.int().min(1).max(5).default(1).describe('Servers that each have a copy of it.'),
      })
      .optional()
      .describe('Make the stream, for `subject` and all below it, when it is not there. Default: it must be.'),
    consumer: name(
      'The durable consumer, made when it is not there: it remembers what was settled, and replicas that name the same one divide the events. Of partitions each has its own: NAME-0, NAME-1, ….',
    ).default('falco-pipe'),
    subject: z
      .string()
      .regex(
        /^(\*|[^\s.*>]+)(\.(\*|[^\s.*>]+))*(\.>)?$/,
        'a subject is words joined by dots; * stands for one, > for the rest',
      )
      .optional()
      .describe('The subjects to read. Default: all of the stream.'),
    partitions: z
      .strictObject({
        ...partitionKeys,
        mine: z
          .array(z.int().min(0))
          .min(1)
          .optional()
          .describe('Those that this replica reads; no other may. Default: all.'),
      })
      .optional()
      .describe('Read what the sink `nats` has divided, so that replicas can keep state by key.'),
    exclusive: z
      .boolean()
      .default(false)
      .describe('No replica but this one reads: a second one waits until it is gone. So it is with partitions.'),
    emits: z
      .array(z.string().min(1))
      .min(1)
      .default(['alert', 'internal'])
      .describe('The event sources of the events; one of another is a dead letter, or dropped without a state folder.'),
    max_in_flight: z
      .int()
      .min(1)
      .max(10_000)
      .default(10_000)
      .describe('Events that this replica may have read and not yet settled.'),
    ack_wait: wait()
      .refine((ms) => ms >= 1000, 'at least 1s')
      .prefault('30s')
      .describe('After this long without a sign of life of a replica the server gives its events to another.'),
  })
  .refine(...oneLogin)
  .refine(({ partitions }) => (partitions?.mine ?? []).every((each) => each < (partitions?.of ?? 0)), {
    path: ['partitions', 'mine'],
    message: 'partitions are numbered from 0 to one below `of`',
  })
  .refine(({ create_stream: create, subject }) => !create || (subject !== undefined && !/[*>]/.test(subject)), {
    path: ['create_stream'],
    message: 'with `create_stream`, `subject` says what goes into it, without * and >',
  })
  .refine(({ partitions, subject }) => !partitions || (subject !== undefined && !/[*>]/.test(subject)), {
    path: ['subject'],
    message: 'with `partitions`, `subject` is that of the sinks, whole: the number is added to it',
  });

export type NatsConfig = z.output<typeof config>;

/** The partitions of this replica; undefined when events are not divided. */
export function ownPartitions({ partitions }: Pick<NatsConfig, 'partitions'>): readonly number[] | undefined {
  if (!partitions) return undefined;
  return [...new Set(partitions.mine ?? Array.from({ length: partitions.of }, (_, each) => each))];
}

/** The durable consumers that are read from, and the subjects of each; undefined: all of the stream. */
export function consumersOf(
  given: NatsConfig,
): readonly { readonly name: string; readonly subject: string | undefined }[] {
  const { consumer, subject } = given;
  const partitions = ownPartitions(given);
  if (!partitions) return [{ name: consumer, subject }];
  return partitions.map((each) => ({ name: `${consumer}-${each}`, subject: partitionSubject(subject ?? '', each) }));
}
