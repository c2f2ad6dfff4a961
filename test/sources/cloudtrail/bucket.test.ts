/** What a bucket has, as S3 or somebody in its place says it. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Aws } from '../../../src/sources/cloudtrail/aws.ts';
import { Bucket } from '../../../src/sources/cloudtrail/bucket.ts';
import { ListObjectsV2Command } from '../../../src/sources/cloudtrail/sdk/s3.ts';

let answer = '';
const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(answer));
let bucket: Bucket;

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'a').stubEnv('AWS_SECRET_ACCESS_KEY', 'k');
  const aws = new Aws({ region: 'eu-west-1', endpoint }, { resolve: String });
  bucket = new Bucket('logs', await aws.s3(), { ListObjectsV2Command });
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

const folders = () => bucket.folders('CloudTrail', { prefix: '' });

test('a page of somebody in between is no empty bucket', async () => {
  answer = '<html><body>Please accept our terms</body></html>';
  await expect(folders()).rejects.toThrow("the list of the bucket logs has an answer that is not S3's");
});

test('an empty bucket is one', async () => {
  answer = '<ListBucketResult><Name>logs</Name><KeyCount>0</KeyCount></ListBucketResult>';
  expect(await folders()).toEqual([]);
});
