import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
import type { ConsumerGroup } from '../groups/consumer-group.js';

/**
 * Has the groups of a provider drained before anything it depends on is destroyed. Nest destroys modules before those
 * they import, and within a module providers before those they inject; the service itself, of a global module, comes
 * last, when the connections that handlers in flight need are closed already.
 */
export function drainFirst(wrapper: InstanceWrapper, groups: readonly ConsumerGroup[]): void {
  const { host } = wrapper;
  if (host === undefined || groups.length === 0) return;
  const token = Symbol(`GENROCKS_GROUPS_OF_${wrapper.name}`);
  const onModuleDestroy = async (): Promise<void> => {
    await Promise.all(groups.map((group) => group.stop()));
  };
  host.addProvider({ provide: token, useValue: { onModuleDestroy } });
  host.providers.get(token)!.hierarchyLevel = wrapper.hierarchyLevel + 1;
}
