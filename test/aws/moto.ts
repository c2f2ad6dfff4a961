/** A real server of S3, SQS and SNS on loopback: moto. */

import { spawn, spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { freePort } from '../nats/server.ts';
import { atEnd } from '../scratch.ts';

/** Debian's; the one of other Pythons has other modules. */
const PYTHON = '/usr/bin/python3';
const PROGRAM = '/usr/bin/moto_server';
/** Whether it is installed; said loudly when it is not. */
export const hasMoto = spawnSync(PYTHON, ['-c', 'import moto.server, flask_cors']).status === 0;
if (!hasMoto) {
  console.warn(
    'moto is not installed: nothing over S3 and SQS is tested (apt-get install python3-moto python3-flask-cors)',
  );
}

export const REGION = 'eu-west-1';

/** What the default chain of credentials finds first. */
export function setCredentials(): void {
  process.env.AWS_ACCESS_KEY_ID = 'AKIATEST';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
  delete process.env.AWS_SESSION_TOKEN;
  delete process.env.AWS_PROFILE;
}

export class Moto {
  readonly endpoint: string;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly #kill: () => void;

  private constructor(endpoint: string, kill: () => void) {
    this.endpoint = endpoint;
    this.#kill = kill;
    const access = { endpoint, region: REGION, credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'secret' } };
    this.s3 = new S3Client({ ...access, forcePathStyle: true });
    this.sqs = new SQSClient(access);
  }

  static async start(): Promise<Moto> {
    const port = await freePort();
    const child = spawn(PYTHON, [PROGRAM, '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    atEnd(() => child.kill('SIGKILL'));
    const endpoint = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries++) {
      const up = await fetch(`${endpoint}/moto-api/data.json`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (up) return new Moto(endpoint, () => child.kill('SIGKILL'));
      if (child.exitCode !== null || tries > 300) throw new Error('moto does not start');
      await new Promise((wake) => setTimeout(wake, 100));
    }
  }

  stop(): void {
    this.s3.destroy();
    this.sqs.destroy();
    this.#kill();
  }

  async bucket(name: string): Promise<void> {
    const where = { LocationConstraint: REGION } as const;
    await this.s3.send(new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: where }));
  }

  async put(bucket: string, key: string, body: Buffer | string, more: object = {}): Promise<void> {
    await this.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more }));
  }

  /** A queue, with another for its dead letters when messages may come only so often. Their URLs. */
  async queue(name: string, receives?: number): Promise<{ readonly url: string; readonly dead: string }> {
    const make = async (queue: string, attributes: Record<string, string>) => {
      const { QueueUrl: url = '' } = await this.sqs.send(
        new CreateQueueCommand({ QueueName: queue, Attributes: attributes }),
      );
      return url;
    };
    if (receives === undefined) return { url: await make(name, {}), dead: '' };
    const dead = await make(`${name}-dead`, {});
    const { Attributes: own } = await this.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: dead, AttributeNames: ['QueueArn'] }),
    );
    const policy = JSON.stringify({ deadLetterTargetArn: own?.QueueArn, maxReceiveCount: receives });
    return { url: await make(name, { RedrivePolicy: policy }), dead };
  }

  async send(url: string, body: unknown): Promise<void> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    await this.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: text }));
  }

  /** Messages that can be received, and those that somebody works on. */
  async depth(url: string): Promise<{ readonly waiting: number; readonly hidden: number }> {
    const { Attributes: all } = await this.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
    );
    return {
      waiting: Number(all?.ApproximateNumberOfMessages),
      hidden: Number(all?.ApproximateNumberOfMessagesNotVisible),
    };
  }
}

/** A log file as CloudTrail writes it. */
export function logFile(records: readonly unknown[]): Buffer {
  return gzipSync(JSON.stringify({ Records: records }));
}

export interface RecordOf {
  readonly eventID: string;
  readonly eventName: string;
}

/** A record with just this name and id. */
export function recordOf(eventID: string, eventName = 'RunInstances', more: object = {}): RecordOf {
  return {
    eventVersion: '1.08',
    eventTime: '2026-03-02T10:15:01Z',
    eventSource: 'ec2.amazonaws.com',
    awsRegion: REGION,
    eventType: 'AwsApiCall',
    eventName,
    eventID,
    ...more,
  } as RecordOf;
}

/** The key of a log file. */
export function keyOf(
  name: string,
  { account = '111111111111', region = REGION, time = '20260302T1015Z' } = {},
): string {
  const [year, month, day] = [time.slice(0, 4), time.slice(4, 6), time.slice(6, 8)];
  return `AWSLogs/${account}/CloudTrail/${region}/${year}/${month}/${day}/${account}_CloudTrail_${region}_${time}_${name}.json.gz`;
}
