/** A queue of its own for each test, on moto, and the source that reads it. */

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { Moto, REGION, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

export const BUCKET = 'logs';

export class Queue {
  declare moto: Moto;
  /** How many queues there were; each has a name of its own. */
  count = 0;
  name = '';
  url = '';
  /** Where messages end that came twice. */
  dead = '';
  readonly open: Harness[] = [];

  readonly start = (config: object = {}, options: HarnessOptions = {}): Harness => {
    // What failed comes again after a second or two, not after half a minute.
    const visibility = '2s';
    const given = {
      mode: 'sqs',
      queue: this.name,
      endpoint: this.moto.endpoint,
      region: REGION,
      visibility,
      ...config,
    };
    const harness = new Harness(cloudtrail, given, { keep: ['ct.name', 'evt.id'], ...options });
    this.open.push(harness);
    return harness;
  };

  /** Puts a log file and tells of it as CloudTrail does without SNS. */
  readonly deliver = async (key: string, body: Buffer | string): Promise<void> => {
    await this.moto.put(BUCKET, key, body);
    await this.moto.send(this.url, { s3Bucket: BUCKET, s3ObjectKey: [key] });
  };

  /** Waits until there are no messages any more. */
  readonly drained = async (): Promise<void> => {
    const empty = async () => {
      const { waiting, hidden } = await this.moto.depth(this.url);
      return waiting === 0 && hidden === 0;
    };
    for (let tries = 0; !(await empty()); tries++) {
      if (tries > 200) throw new Error('the queue does not become empty');
      await new Promise((wake) => setTimeout(wake, 50));
    }
  };
}

/** For a suite: a new queue before each of its tests; what reads it is stopped after. */
export function queueForEach(): Queue {
  const queue = new Queue();
  beforeAll(async () => {
    setCredentials();
    queue.moto = await Moto.start();
    await queue.moto.bucket(BUCKET);
  });
  afterAll(() => queue.moto?.stop());
  beforeEach(async () => {
    queue.name = `queue-${++queue.count}`;
    Object.assign(queue, await queue.moto.queue(queue.name, 2));
  });
  afterEach(() => Promise.all(queue.open.splice(0).map((each) => each.stop())));
  return queue;
}
