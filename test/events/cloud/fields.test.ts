import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogues } from '../../../src/events/catalogue.ts';
import { cloudBatch } from '../../../src/events/cloud/batch.ts';
import { type CloudSourceName, decodeDocument } from '../../../src/events/cloud/decode.ts';
import { type CloudEvent, cloudFills, cloudForm } from '../../../src/events/cloud/event.ts';
import { cloudSources } from '../../../src/events/cloud/sources.ts';
import { parseTimestamp } from '../../../src/events/cloud/timestamp.ts';
import { EventRecord } from '../../../src/events/record.ts';
import { parseRecord, recordJson } from '../../../src/events/record-json.ts';
import { sharedJson } from '../shared.ts';
import { samples } from './samples/index.ts';

const RECEIVED = 1_700_000_000_000_000_000n;
const sources = [...cloudSources.keys()] as CloudSourceName[];

function eventOf(
  source: CloudSourceName,
  document: unknown,
  origin?: Parameters<typeof decodeDocument>[3],
): CloudEvent {
  const decoded = decodeDocument(source, document, RECEIVED, origin);
  if ('problem' in decoded) throw new Error(decoded.problem);
  return decoded.event;
}

/** Every field of a source, those with an argument by some text. */
function textsOf(source: string): readonly string[] {
  return (catalogues.get(source)?.fields ?? []).flatMap(({ name, arg, argKind }) => {
    const withArgument = argKind === 'index' ? [`${name}[0]`, `${name}[7]`] : [`${name}[/a/0]`, `${name}[name]`];
    return arg === undefined ? [name] : arg === 'required' ? withArgument : [name, ...withArgument];
  });
}

describe('fields', () => {
  const cases = samples.flatMap(({ source, document, origin, fields }) => {
    const event = eventOf(source, document, origin);
    return Object.entries(fields).map(([field, value]) => [source, field, event, value] as const);
  });

  test.each(cases)('%s %s', (_, field, event, value) => {
    expect(event.get(field)).toEqual(value);
  });

  test('have a case each', () => {
    const tested = new Set(cases.map(([source, field]) => `${source} ${field.replace(/\[.*/, '')}`));
    const known = sources.flatMap((source) =>
      (cloudSources.get(source)?.fields ?? [])
        .filter(({ field }) => !field.class.startsWith('evt') && field.class !== 'json')
        .map(({ field }) => `${source} ${field.name}`),
    );
    // Of these the whole document is the answer.
    const whole = ['aws_cloudtrail ct.request'];
    expect(known.filter((name) => !tested.has(name) && !whole.includes(name))).toEqual([]);
  });

  test('of a whole part are its JSON', () => {
    const document = { eventName: 'x', requestParameters: { b: 1, a: [null] } };
    const event = eventOf('aws_cloudtrail', document);
    expect(event.get('ct.request')).toBe('{"b":1,"a":[null]}');
    for (const field of ['json.obj', 'jevt.obj']) expect(event.get(field)).toBe(JSON.stringify(document));
    expect(event.get('json.value[/requestParameters]')).toBe('{"b":1,"a":[null]}');
  });

  test('keep integers exact that no number holds', () => {
    const event = eventOf('aws_cloudtrail', { eventName: 'x', requestParameters: { id: 12345678901234567890n } });
    expect(event.get('ct.request')).toBe('{"id":12345678901234567890}');
    expect(event.get('json.value[/requestParameters/id]')).toBe('12345678901234567890');
  });

  test('that are null are absent', () => {
    const event = eventOf('aws_cloudtrail', {
      eventName: 'PutObject',
      responseElements: null,
      userIdentity: null,
      readOnly: null,
      additionalEventData: null,
    });
    for (const field of [
      'ct.response',
      'ct.user',
      'ct.readonly',
      's3.bytes.in',
      's3.bytes',
      'json.value[/responseElements]',
    ])
      expect(event.get(field)).toBeUndefined();
    expect(event.get('s3.cnt.put')).toBe(1);
  });

  test('number events from one', () => {
    const [first, second] = [eventOf('k8s_audit', { verb: 'get' }), eventOf('k8s_audit', { verb: 'get' })];
    expect(first.get('evt.num')).toBeGreaterThan(0);
    expect(second.get('evt.num')).toBe((first.get('evt.num') as number) + 1);
  });

  test('of no source are not filled', () => {
    expect(cloudFills('aws_cloudtrail', 'ct.name')).toBe(true);
    expect(cloudFills('aws_cloudtrail', 'proc.name')).toBe(false);
    expect(cloudFills('aws_cloudtrail', 'ec2.imageids[x]')).toBe(false);
  });
});

describe('who a CloudTrail record is of', () => {
  const user = (userIdentity: object, more: object = {}) => {
    const event = eventOf('aws_cloudtrail', { eventName: 'x', userIdentity, ...more });
    return [event.get('ct.user'), event.get('ct.originaluser')];
  };

  test.each([
    [{ type: 'Root', userName: 'r' }, ['r', 'r']],
    [{ type: 'Root' }, [undefined, undefined]],
    [{ type: 'IAMUser', userName: 'u' }, ['u', 'u']],
    [{ type: 'AWSService', invokedBy: 'ec2.amazonaws.com' }, ['ec2.amazonaws.com', undefined]],
    [{ type: 'AssumedRole', arn: 'a/b', principalId: 'p:s' }, ['AssumedRole', 's']],
    [{ type: 'AWSAccount' }, ['AWSAccount', undefined]],
    [{ type: 'FederatedUser' }, ['FederatedUser', undefined]],
    [{ type: 'SAMLUser', userName: 's' }, ['s', 's']],
    [{ type: 'Unknown', principalId: 'p' }, ['p', undefined]],
    [{ invokedBy: 'secretsmanager.amazonaws.com' }, ['secretsmanager.amazonaws.com', undefined]],
  ])('%j', (identity, expected) => expect(user(identity)).toEqual(expected));

  test.each([
    [{ sourceIPAddress: '1.1.1.1' }, '<invalid cloudtrail event: userIdentity field missing>'],
    [{ userIdentity: { type: 'IAMUser', userName: 'u' } }, '<invalid cloudtrail event: sourceIPAddress field missing>'],
    [
      { userIdentity: { type: 'AWSService', invokedBy: 's' }, sourceIPAddress: 's', readOnly: true },
      's ← PutBucketPublicAccessBlock',
    ],
  ])('%j in one line', (part, expected) => {
    const document = { eventName: 'PutBucketPublicAccessBlock', ...part };
    expect(eventOf('aws_cloudtrail', document).get('ct.info')).toContain(expected);
  });

  test('the flags of a bucket are those that were asked for', () => {
    const event = eventOf('aws_cloudtrail', {
      eventName: 'PutBucketPublicAccessBlock',
      userIdentity: { type: 'IAMUser', userName: 'u' },
      sourceIPAddress: '1.1.1.1',
      requestParameters: { bucketName: 'b', PublicAccessBlockConfiguration: { BlockPublicAcls: true } },
    });
    expect(event.get('ct.info')).toBe(
      'u via 1.1.1.1 ← PutBucketPublicAccessBlock Bucket=b BlockPublicAcls=true BlockPublicPolicy=false' +
        ' IgnorePublicAcls=false RestrictPublicBuckets=false',
    );
  });
});

describe('decoding', () => {
  test.each([
    ['aws_cloudtrail', { userIdentity: {} }, 'neither eventName nor eventType'],
    ['k8s_audit', { kind: 'EventList', items: [] }, 'its kind is EventList'],
    ['k8s_audit', { kind: 'Event' }, 'no verb'],
    ['k8s_audit', { verb: '' }, 'no verb'],
    ['azure_audit', { time: 'x' }, 'neither operationName nor category'],
    ['vcd_audit', { eventId: 'x' }, 'neither eventType nor type'],
    ['aws_cloudtrail', [], 'an array where a JSON object'],
    ['aws_cloudtrail', 'x', 'a string where a JSON object'],
    ['aws_cloudtrail', null, 'nothing where a JSON object'],
  ] as const)('%s %j is none', (source, document, problem) => {
    expect(decodeDocument(source, document, RECEIVED)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('two resources in one operation of Azure are two events', () => {
    const record = {
      time: '2026-03-02T10:20:30Z',
      operationName: 'x/delete',
      correlationId: 'c',
      resultType: 'Success',
    };
    const id = (resourceId: string) => eventOf('azure_audit', { ...record, resourceId }).id;
    expect(id('/a')).not.toBe(id('/b'));
    expect(id('/a')).toBe(id('/a'));
  });

  test('an event without a time happened when it came', () => {
    expect(eventOf('aws_cloudtrail', { eventName: 'x', eventTime: 'yesterday' }).time).toBe(RECEIVED);
  });

  test('an Insights record has its kind as its type', () => {
    expect(eventOf('aws_cloudtrail', { eventType: 'AwsCloudTrailInsight' }).type).toBe('AwsCloudTrailInsight');
  });

  test.each([
    ['2023-07-10T12:20:00Z', 1688991600000000000n],
    ['2023-07-10T12:20:00.123456789Z', 1688991600123456789n],
    ['2023-07-10T12:20:00.1234567Z', 1688991600123456700n],
    ['2023-07-10T14:20:00.5+02:00', 1688991600500000000n],
    ['2023-07-10T14:20:00.5+0200', 1688991600500000000n],
    ['2023-07-10 12:20:00', 1688991600000000000n],
    ['2023-13-10T12:20:00Z', undefined],
    ['12:20', undefined],
    [1688991600, undefined],
    [null, undefined],
  ])('the time %j', (text, expected) => expect(parseTimestamp(text)).toBe(expected));
});

describe('batches', () => {
  test('make records of just what is wanted', () => {
    const event = eventOf('aws_cloudtrail', { eventName: 'x', eventID: 'e', awsRegion: 'r' });
    const batch = cloudBatch('aws_cloudtrail', [event]);
    expect(batch).toMatchObject({ source: 'aws_cloudtrail', form: cloudForm('aws_cloudtrail') });
    expect(batch.events.length).toBe(1);
    expect(batch.events.at(0)).toBe(event);
    const record = batch.events.keep?.(event, ['ct.name', 'ct.error', 'evt.id', 'nonsense']);
    expect(record).toEqual(new EventRecord('aws_cloudtrail', 'x', RECEIVED, { 'ct.name': 'x', 'evt.id': 'e' }));
  });
});

/** Keys that readers look for, and what they do not expect to find there. */
const keys = [...new Set(samples.flatMap(({ document }) => [...namesIn(document)]))];

function* namesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) yield key;
    yield* namesIn(inner);
  }
}

const key = fc.oneof(
  fc.constantFrom(...keys),
  fc.constantFrom(...keys).map((name) => name.toUpperCase()),
  fc.constantFrom('__proto__', 'constructor', 'length', '', '0'),
);

const { value: anything } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom(
      null,
      true,
      false,
      0,
      -1,
      1.5,
      1e300,
      2n ** 70n,
      '',
      'text',
      '[',
      '{"a":1}',
      '2026-01-01T00:00:00Z',
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
}));

/** A sample of which some parts are something else. */
const spoilt = fc
  .tuple(fc.constantFrom(...samples), fc.infiniteStream(fc.tuple(fc.nat(9), anything)))
  .map(([{ source, document }, stream]) => {
    const change = (value: unknown): unknown => {
      const [chance, other] = stream.next().value as [number, unknown];
      if (chance === 0) return other;
      if (Array.isArray(value)) return value.map(change);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, change(inner)]));
    };
    const made = Object.entries(document).map(([name, inner]) => [name, change(inner)]);
    return [source, Object.fromEntries(made)] as const;
  });

describe('no document', () => {
  const texts = new Map(sources.map((source) => [source, textsOf(source)]));

  function readAll(source: CloudSourceName, document: unknown): void {
    const decoded = decodeDocument(source, document, RECEIVED);
    if ('problem' in decoded) return;
    const { event } = decoded;
    const record = cloudForm(source).keep(event, texts.get(source) ?? []);
    for (const [field, value] of Object.entries(record.fields)) {
      const values = Array.isArray(value) ? value : [value];
      if (values.length === 0 || values.some((each) => each === null || each === undefined || typeof each === 'object'))
        throw new Error(`${field} is ${JSON.stringify(value)}`);
    }
    const line = recordJson(record);
    if ('problem' in parseRecord(line, { file: '-', line: 1 })) throw new Error(`no record: ${line}`);
  }

  test('of any shape makes a reader throw', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sources), fc.dictionary(key, anything), (source, document) =>
        readAll(source, document),
      ),
      { numRuns: 1000 },
    );
  });

  test('of which a part is spoilt makes a reader throw', () => {
    fc.assert(
      fc.property(spoilt, ([source, document]) => readAll(source, document)),
      { numRuns: 500 },
    );
  });

  test('that nests without end makes a reader throw', () => {
    const depth = 200_000;
    for (const text of ['[', '{"a":'].map(
      (open) => `${open.repeat(depth)}1${(open === '[' ? ']' : '}').repeat(depth)}`,
    )) {
      const document = {
        eventName: 'x',
        verb: 'x',
        operationName: 'x',
        eventType: 'x',
        requestParameters: JSON.parse(text),
      };
      for (const source of sources) readAll(source, document);
    }
  });
});

const listed = sharedJson('data/falco/cloud_fields.json') as
  | Record<
      string,
      readonly { readonly name: string; readonly list?: boolean; readonly arg?: string; readonly desc?: string }[]
    >
  | undefined;

describe.runIf(listed !== undefined)('the fields that are listed', () => {
  test.each([
    ['cloudtrail', 'aws_cloudtrail'],
    ['k8saudit', 'k8s_audit'],
    ['azure', 'azure_audit'],
    ['vcd', 'vcd_audit'],
  ] as const)('of %s are all there', (group, source) => {
    const own = new Map(catalogues.get(source)?.fields.map((field) => [field.name, field]));
    for (const { name, list, arg, desc } of listed?.[group] ?? []) {
      const field = own.get(name);
      expect(field, name).toBeDefined();
      expect({ name, list: field?.list ?? false }).toEqual({ name, list: list ?? false });
      const shape =
        arg === undefined
          ? undefined
          : {
              arg: arg.includes('required') ? 'required' : 'optional',
              kind: arg.startsWith('index') ? 'index' : 'key',
            };
      expect({ name, shape: field?.arg && { arg: field.arg, kind: field.argKind } }).toEqual({ name, shape });
      expect(field?.doc).not.toBe(desc);
    }
  });
});
