import { expect, it } from 'vitest';
import { DataWaiters } from './data-waiters.js';

it('followers are told of growth and of the end, and may leave while they are', () => {
  const waiters = new DataWaiters();
  const told: string[] = [];
  const leave = waiters.follow(() => {
    told.push('first');
    leave();
  });
  waiters.follow(() => told.push('second'));
  waiters.wake(1);
  waiters.wake(2);
  waiters.endAll();
  expect(told).toEqual(['first', 'second', 'second', 'second']);
});
