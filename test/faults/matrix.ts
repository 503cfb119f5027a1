/**
 * The fault matrix: the name of every fault that has a test here. `npm run test:faults` prints a line for each, and says which
 * were not run; test/unit/fault-matrix.test.ts keeps that every one has a test.
 */
export const faults = [
  'Redis down at start',
  'Redis kill -9, restart',
  'Redis stopped',
  'READONLY',
  'OOM under noeviction',
  'NOSCRIPT',
  'Black hole',
  'Spool disk full',
  'Torn last record',
  'Bit flip, zeroed tail, missing segment',
  'Ingress kill -9 at any point',
  'Worker kill -9 mid job',
  'Processor never settles',
  'Processor throws anything',
  'Event loop blocked beyond the lock',
  'Two workers, same event after a stall',
  'Poison payload',
  '10x burst',
  'Slow clients',
  'Client closes before the reply',
  'Body too large',
  'Deep JSON, __proto__',
  'Bad UTF-8, odd content type, gzip, repeated keys',
  'Wrong credentials',
  'SIGTERM under load',
  'Clock steps',
  'Same delivery 5 times at once',
  'Thousands of blocked lanes',
  'Several ingresses on one spool folder',
  'Rolling restart',
  'Sentinel failover',
  'Cluster failover',
  'Random bytes',
] as const

export type Fault = (typeof faults)[number]
