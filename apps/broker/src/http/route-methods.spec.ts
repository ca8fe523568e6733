import { expect, it } from 'vitest';
import { RouteMethods } from './route-methods.js';

it('knows the methods of a path, whatever stands for its parameters', () => {
  const routes = new RouteMethods();
  routes.add('GET', '/v1/topics');
  routes.add(['POST'], '/v1/topics');
  routes.add('GET', '/v1/topics/:topic');
  routes.add('HEAD', '/v1/topics/:topic');
  routes.add('OPTIONS', '*');
  expect(routes.of('/v1/topics?x=/y')).toEqual(['GET', 'POST']);
  expect(routes.of('/v1/topics/shop%2Forders')).toEqual(['GET', 'HEAD']);
  expect(routes.of('/v1/topics/')).toEqual([]);
  expect(routes.of('/v1/topics/a/b')).toEqual([]);
});
