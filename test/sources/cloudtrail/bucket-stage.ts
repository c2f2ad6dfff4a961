/** A bucket of its own for each test, on moto and behind a front that refuses what a test wants; the source that lists it. */

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { cloudtrail } from '../../../src/sources/cloudtrail/index.ts';
import { Front } from '../../aws/front.ts';
import { logFile, Moto, REGION, recordOf, setCredentials } from '../../aws/moto.ts';
import { Harness, type HarnessOptions } from '../harness.ts';

/** The time by which it lists. */
export const NOW = Date.UTC(2026, 2, 2, 12);

export class Bucket {
  declare moto: Moto;
  declare front: Front;
  name = '';
  /** How many buckets there were; each has a name of its own. */
  count = 0;
  readonly open: Harness[] = [];

  /** Lists past the front, unless `config` says otherwise; `source` is what does. */
  readonly list = (
    config: object = {},
    options: HarnessOptions = {},
    source: ConstructorParameters<typeof Harness>[0] = cloudtrail,
  ): Harness => {
    const given = { mode: 's3', bucket: this.name, endpoint: this.moto.endpoint, region: REGION, ...config };
    const harness = new Harness(source, given, { keep: ['evt.id'], now: () => NOW, ...options });
    this.open.push(harness);
    return harness;
  };

  /** Puts a log file with records of these ids. */
  readonly put = (key: string, ...ids: string[]): Promise<void> =>
    this.moto.put(this.name, key, logFile(ids.map((id) => recordOf(id))));

  readonly urlOf = (key: string): string => `s3://${this.name}/${key}`;
}

/** For a suite: a new bucket before each of its tests; what lists it is stopped after. */
export function bucketForEach(): Bucket {
  const bucket = new Bucket();
  beforeAll(async () => {
    setCredentials();
    bucket.moto = await Moto.start();
    bucket.front = await Front.before(bucket.moto.endpoint);
  });
  afterAll(() => {
    bucket.front?.stop();
    bucket.moto?.stop();
  });
  beforeEach(async () => {
    bucket.name = `listed-${++bucket.count}`;
    await bucket.moto.bucket(bucket.name);
  });
  afterEach(() => Promise.all(bucket.open.splice(0).map((each) => each.stop())));
  return bucket;
}

/** What became a dead letter, and why. */
export function letters({ reports }: Harness): string[] {
  return reports.flatMap(({ type, fields }) => (type === 'drop' ? [`${fields.reason} ${fields.event}`] : [])).sort();
}
