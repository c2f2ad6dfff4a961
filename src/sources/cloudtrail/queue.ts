/** Mode sqs: messages are deleted once everything that they tell of has settled and that is on disk. */

import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import type { SourceContext } from '../../core/component.ts';
import { messageOf } from '../../core/errors.ts';
import type { Batch } from '../../core/flow/batch.ts';
import { Credit } from '../../core/flow/credit.ts';
import { decodeDocument } from '../../events/cloud/decode.ts';
import type { CloudEvent } from '../../events/cloud/event.ts';
import { Broken } from '../shared/cloud-worker/unpack.ts';
import { Aws, explained, isDenied, isUnknown } from './aws.ts';
import type { Config } from './config.ts';
import { keepHidden, LONGEST } from './hidden.ts';
import { isDigest } from './key.ts';
import { giveLogFile } from './log-file.ts';
import { type StoredObject, tellMessage } from './message.ts';
import { unreadAnswer } from './no-answer.ts';
import { nameOf, Objects } from './objects.ts';
import { LentParcel } from './parcel.ts';
import { Recent } from './recent.ts';

/** The most that SQS gives at once, and the longest it waits for something, in s. */
const MOST = 10;
const WAIT = 20;
/** How often the queue is asked how much waits in it, in ms. */
const ASK = 60_000;
/** A queue without a redrive policy gives a message for ever: after so many times it is given up. */
const GIVE_UP = 5;
/** What is said of a message that has waited for so long that SQS hides it no more. */
const TOO_LONG =
  'the events of a message still wait to be delivered, and SQS hides it for 12 hours at most: then it comes again, here or to another reader, whose sinks get these events too';

type Sqs = typeof import('./sdk/sqs.ts');

/** A message that cannot be read, now or ever. */
class Poison extends Error {}

export class Queue {
  readonly #config: Config;
  readonly #ctx: SourceContext;
  readonly #next: (batch: Batch) => void;
  readonly #stop = new AbortController();
  readonly #room: Credit;
  readonly #recent = new Recent();
  /** Log files by name, and events of EventBridge by id, that have yet to settle. */
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #working = new Set<Promise<void>>();
  readonly #fatal = Promise.withResolvers<never>();
  #sqs!: Sqs;
  #client: SQSClient | undefined;
  #objects!: Objects;
  /** What is to be closed in the end. */
  readonly #clients: { destroy(): void }[] = [];
  #url = '';
  #receives = GIVE_UP;
  #redrive = false;
  #asking: NodeJS.Timeout | undefined;

  constructor(config: Config, ctx: SourceContext, next: (batch: Batch) => void) {
    this.#config = config;
    this.#ctx = ctx;
    this.#next = next;
    this.#room = new Credit(config.concurrency);
    this.#fatal.promise.catch(() => {});
  }

  /** Reads until it is stopped. Rejects when it cannot go on: a SourceError where no other try can help. */
  async run(): Promise<void> {
    const off = this.#ctx.onStop((settling) => this.#finish(settling));
    try {
      await this.#open();
      await Promise.race([this.#receive(), this.#fatal.promise]);
    } catch (error) {
      const stopped = this.#stop.signal.aborted;
      if (!stopped) off();
      this.stop();
      void Promise.allSettled(this.#working).then(() => this.#close());
      if (!stopped) throw error;
    }
  }

  /** Receives no more. What is under way still settles. */
  stop(): void {
    clearInterval(this.#asking);
    this.#stop.abort(new Error('the source stops'));
  }

  async #open(): Promise<void> {
    const aws = new Aws(this.#config, this.#ctx);
    this.#sqs = await import('./sdk/sqs.ts');
    const { GetObjectCommand } = await import('./sdk/s3.ts');
    const client = await aws.sqs();
    this.#clients.push(client);
    this.#client = client;
    const storage = await aws.s3();
    this.#clients.push(storage);
    this.#objects = new Objects(storage, GetObjectCommand, this.#ctx);
    const { queue = '', queue_owner: owner } = this.#config;
    try {
      this.#url = /^https?:/.test(queue) ? queue : await this.#urlOf(client, queue, owner);
      await this.#attributes(client);
    } catch (error) {
      throw explained(error, `the queue ${queue} cannot be had`);
    }
    this.#ctx.trouble();
    // How it goes is heard from receiving: this only measures.
    this.#asking = setInterval(() => void this.#attributes(client).catch(() => {}), ASK);
    this.#asking.unref();
  }

  async #urlOf(client: SQSClient, name: string, owner: string | undefined): Promise<string> {
    const command = new this.#sqs.GetQueueUrlCommand({
      QueueName: name,
      ...(owner === undefined ? {} : { QueueOwnerAWSAccountId: owner }),
    });
    const { QueueUrl: url = '' } = await client.send(command, { abortSignal: this.#stop.signal });
    return url;
  }

  /** How often the queue gives a message. Who may not ask believes that it has a redrive policy. */
  async #attributes(client: SQSClient): Promise<void> {
    const command = new this.#sqs.GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: ['All'] });
    try {
      const { Attributes: all } = await client.send(command, { abortSignal: this.#stop.signal });
      const policy = JSON.parse(all?.RedrivePolicy ?? '{}') as { maxReceiveCount?: number | string };
      this.#redrive = policy.maxReceiveCount !== undefined;
      this.#receives = Number(policy.maxReceiveCount ?? GIVE_UP);
      this.#ctx.metrics.counter('waiting').value = Number(all?.ApproximateNumberOfMessages ?? 0);
    } catch (error) {
      if (!isDenied(error)) throw error;
      this.#redrive = true;
      this.#receives = Number.POSITIVE_INFINITY;
    }
  }

  async #receive(): Promise<never> {
    const { signal } = this.#stop;
    const client = this.#client as SQSClient;
    for (;;) {
      // One is waited for, and what else there is room for is taken with it.
      await this.#room.take(1, signal);
      const most = Math.min(MOST, 1 + this.#room.limit - this.#room.used);
      if (most > 1) await this.#room.take(most - 1, signal);
      const command = new this.#sqs.ReceiveMessageCommand({
        QueueUrl: this.#url,
        MaxNumberOfMessages: most,
        WaitTimeSeconds: WAIT,
        VisibilityTimeout: Math.round(this.#config.visibility / 1000),
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
        // Its former name, which other servers know it by.
        AttributeNames: ['All'],
      });
      let came: readonly Message[] = [];
      try {
        came = (await client.send(command, { abortSignal: signal })).Messages ?? [];
      } catch (error) {
        throw explained(error, `the queue ${this.#config.queue} cannot be read`);
      } finally {
        this.#room.release(most - came.length);
      }
      for (const message of came) {
        const working = this.#work(message).finally(() => {
          this.#working.delete(working);
          this.#room.release(1);
        });
        this.#working.add(working);
      }
      signal.throwIfAborted();
    }
  }

  /** Works on a message until it is deleted or given back. Never rejects. */
  async #work(message: Message): Promise<void> {
    const free = keepHidden({
      visibility: this.#config.visibility,
      hide: (seconds) => void this.#hide(message, seconds),
      last: () => this.#ctx.report('error', { reason: 'hidden_too_long', message: TOO_LONG }),
    });
    try {
      if (!(await this.#deliver(message))) {
        if (this.#stop.signal.aborted) await this.#leave(message);
        else await this.#giveBack(message, 'undelivered', 'its events were not delivered');
        return;
      }
      await this.#delete(message);
      const sent = Number(message.Attributes?.SentTimestamp ?? Number.NaN);
      if (sent > 0) this.#ctx.metrics.counter('behind').value = Math.max(0, (this.#ctx.now() - sent) / 1000);
    } catch (error) {
      if (this.#stop.signal.aborted) await this.#leave(message);
      else await this.#failed(message, error);
    } finally {
      free();
    }
  }

  /** Whether all that a message tells of was delivered. */
  async #deliver({ Body: body = '' }: Message): Promise<boolean> {
    const told = tellMessage(body);
    if ('problem' in told) throw new Poison(`a message cannot be read: ${told.problem}`);
    if ('nothing' in told) {
      this.#ctx.log.info(told.nothing);
      return true;
    }
    if ('record' in told) return await this.#deliverRecord(told.record);
    return await this.#deliverObjects(told.objects.filter(({ key }) => !isDigest(key)));
  }

  /** Every one that can be read is, whatever the others are. */
  async #deliverObjects(stored: readonly StoredObject[]): Promise<boolean> {
    const objects = new Map(stored.map((each) => [nameOf(each), each]));
    const broken: string[] = [];
    const failed: unknown[] = [];
    let all = true;
    for (const name of await this.#ctx.unseen([...objects.keys()])) {
      try {
        all = (await this.#once(name, () => this.#deliverObject(objects.get(name) as StoredObject))) && all;
      } catch (error) {
        if (error instanceof Poison) broken.push(error.message);
        else failed.push(error);
        if (this.#stop.signal.aborted) break;
      }
    }
    // A message is not given up while something of it may yet be read or delivered.
    if (failed.length > 0) throw failed.find(isUnknown) ?? failed[0];
    if (all && broken.length > 0) throw new Poison(broken.join('; '));
    return all;
  }

  async #deliverRecord(record: object): Promise<boolean> {
    const decoded = decodeDocument('aws_cloudtrail', record, BigInt(this.#ctx.now()) * 1_000_000n);
    if ('problem' in decoded) throw new Poison(`an event of EventBridge cannot be read: ${decoded.problem}`);
    const { event } = decoded;
    const { id } = event;
    if (id === undefined) return await this.#giveRecord(event);
    const isNew = (await this.#ctx.unseen([id])).length > 0;
    if (isNew && this.#recent.isNew(id)) return await this.#once(id, () => this.#giveRecord(event));
    // One that is under way in a log file comes again with that.
    return await this.#once(id, async () => {
      this.#ctx.metrics.add('duplicates', '', 1);
      return true;
    });
  }

  /** A copy becomes what the first one becomes, which alone marks the id: who gives a message twice must not lose both. */
  async #once(id: string, give: () => Promise<boolean>): Promise<boolean> {
    const first = this.#underWay.get(id);
    if (first) {
      this.#ctx.metrics.add('duplicates', '', 1);
      return await first;
    }
    const giving = give();
    this.#underWay.set(id, giving);
    try {
      return await giving;
    } finally {
      // When it failed, a copy may be under way by now.
      if (this.#underWay.get(id) === giving) this.#underWay.delete(id);
    }
  }

  async #giveRecord(event: CloudEvent): Promise<boolean> {
    const parcel = this.#parcel();
    await parcel.give([event]);
    const delivered = await parcel.settled();
    if (delivered && event.id !== undefined) this.#ctx.advance(null, [event.id]);
    return delivered;
  }

  async #deliverObject(object: StoredObject): Promise<boolean> {
    const name = nameOf(object);
    const chunks = await this.#objects.open(object, this.#stop.signal);
    if (chunks === undefined) {
      this.#ctx.advance(null, [name]);
      return true;
    }
    this.#ctx.trouble();
    const parcel = this.#parcel();
    try {
      await giveLogFile(chunks, name, parcel, { config: this.#config, ctx: this.#ctx, recent: this.#recent });
    } catch (error) {
      // What was given settles before the message is seen again.
      await parcel.settled();
      throw error instanceof Broken ? new Poison(`${name}: ${messageOf(error)}`) : error;
    }
    const delivered = await parcel.settled();
    if (delivered) this.#ctx.advance(null, [name]);
    return delivered;
  }

  #parcel(): LentParcel {
    const options = { next: this.#next, ctx: this.#ctx, signal: this.#stop.signal };
    return new LentParcel(options, (events) => this.#recent.forget(events));
  }

  async #failed(message: Message, error: unknown): Promise<void> {
    const why = unreadAnswer(error) ?? messageOf(error);
    if (!(error instanceof Poison)) {
      if (isUnknown(error)) this.#fatal.reject(explained(error, 'a log file cannot be fetched'));
      // Others may be readable: only this one is left.
      if (isDenied(error)) this.#ctx.trouble(`a log file cannot be fetched: ${why}`);
      await this.#giveBack(message, isDenied(error) ? 'access_denied' : 'fetch_failed', why);
      return;
    }
    const received = receivesOf(message);
    if (this.#redrive || received < this.#receives) {
      await this.#giveBack(message, 'bad_message', why);
      return;
    }
    const text = `${why}; it came ${received} times: it is deleted`;
    this.#ctx.reject(message.Body ?? '', { reason: 'bad_message', message: text });
    await this.#delete(message);
  }

  async #delete(message: Message): Promise<void> {
    await this.#ctx.committed();
    const command = new this.#sqs.DeleteMessageCommand({ QueueUrl: this.#url, ReceiptHandle: message.ReceiptHandle });
    await this.#tell(() => (this.#client as SQSClient).send(command), 'delete_failed');
  }

  // Others shall have it at once.
  async #leave(message: Message): Promise<void> {
    this.#isLost(message, 'stopped', 'the source has stopped before it was delivered');
    await this.#hide(message, 0);
  }

  async #giveBack(message: Message, reason: string, why: string): Promise<void> {
    if (!this.#isLost(message, reason, why)) {
      this.#ctx.report('error', { reason, message: `${why}; the message comes again` });
    }
    await this.#hide(message, hiddenFor(receivesOf(message), this.#receives, this.#config.visibility));
  }

  /** Whether a message that is given back does not come again, but goes to its queue's dead letters: that is counted. */
  #isLost(message: Message, reason: string, why: string): boolean {
    const received = receivesOf(message);
    if (!this.#redrive || received < this.#receives) return false;
    const text = `${why}; it came ${received} times: the queue puts it with its dead letters`;
    this.#ctx.report('drop', { reason, count: 1, message: text });
    return true;
  }

  /** For how many seconds nobody is to see it. */
  async #hide(message: Message, seconds: number): Promise<void> {
    const command = new this.#sqs.ChangeMessageVisibilityCommand({
      QueueUrl: this.#url,
      ReceiptHandle: message.ReceiptHandle,
      VisibilityTimeout: seconds,
    });
    await this.#tell(() => (this.#client as SQSClient).send(command), 'visibility_failed');
  }

  // Without that the message only comes again, and is known then.
  async #tell(say: () => Promise<unknown>, reason: string): Promise<void> {
    try {
      await say();
    } catch (error) {
      this.#ctx.report('error', {
        reason,
        message: `${unreadAnswer(error) ?? messageOf(error)}; the message comes again`,
      });
    }
  }

  #close(): void {
    for (const client of this.#clients.splice(0)) client.destroy();
  }

  async #finish(settling: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => {
      settling.addEventListener('abort', () => resolve(), { once: true });
      if (settling.aborted) resolve();
    });
    await Promise.race([Promise.allSettled(this.#working), over]);
    this.#close();
  }
}

/** Messages that failed together should not come together again: by so much at most a wait is shorter, or the last longer. */
const JITTER = 0.25;

/**
 * How long a message that failed is hidden, in s: a tenth of `visibility` (ms) at first, three times as long each time, up to
 * three times `visibility`. Its last chance is never sooner than `visibility`: what is wrong with a service for a while must
 * not make dead letters, however seldom the queue gives a message.
 */
export function hiddenFor(received: number, receives: number, visibility: number, random = Math.random): number {
  const jitter = JITTER * random();
  const grown = Math.min((visibility / 10) * 3 ** (received - 1), visibility * 3, LONGEST) * (1 - jitter);
  const isLast = received === receives - 1;
  const wait = isLast ? Math.max(grown, Math.min(visibility * (1 + jitter), LONGEST)) : grown;
  return Math.ceil(wait / 1000);
}

/** How often a message came. */
const receivesOf = ({ Attributes: all }: Message): number => Number(all?.ApproximateReceiveCount ?? 1);
