import { defineOperator, where } from 'falco-pipe';
import { z } from 'zod';

/** Lets events pass that happened while nobody should be at work. */
export default defineOperator({
  type: 'office_hours',
  summary: 'Lets events pass that happened outside office hours (UTC).',
  config: z.strictObject({
    opens: z.int().min(0).max(23).default(8).describe('First hour of the day at work.'),
    closes: z.int().min(1).max(24).default(18).describe('First hour after it.'),
    always: z.array(z.string()).default([]).describe('Users whose events pass at any hour.'),
  }),
  examples: [{ title: 'Nights only', yaml: 'night: { type: office_hours, from: detect, opens: 7, closes: 20 }' }],
  reads: ['user.name'],
  create: ({ opens, closes, always }) => {
    const users = new Set(always);
    return where((event) => {
      const hour = new Date(Number(event.time / 1_000_000n)).getUTCHours();
      return hour < opens || hour >= closes || users.has(String(event.get('user.name')));
    });
  },
});
