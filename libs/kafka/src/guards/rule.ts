import type { VirtualCluster } from '../cluster/virtual-cluster.js';
import type { TopicDirectory } from '../handlers/topic-directory.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { Api } from '../protocol/schema/api.js';
import type { Fields } from '../protocol/schema/fields.js';
import type { Right } from '../security/access.js';
import {
  type Handler,
  isSilence,
  type RequestContext,
  type Route,
  type Silence,
} from '../server/request.types.js';

/** Decides for each part of a request whether the client has the right to it, and whether this broker serves it. */
export class Desk {
  constructor(
    readonly directory: TopicDirectory,
    private readonly brokers: VirtualCluster,
    /** Whether a metadata request for a missing topic may create it. */
    readonly createsTopics: boolean,
  ) {}

  topic({ access }: RequestContext, right: Right | 'see', name: string): ErrorCode {
    return access.topic(right, name) ? ErrorCode.NONE : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  }

  /** Only the leader serves a partition. A partition that does not exist is left to the handler, which reports it. */
  partition({ session }: RequestContext, name: string, index: number): ErrorCode {
    if (this.brokers.size === 1 || this.brokers.leaderOf(name, index) === session.nodeId)
      return ErrorCode.NONE;
    const topic = this.directory.byName(name);
    if (topic === undefined || index < 0 || index >= topic.partitionCount) return ErrorCode.NONE;
    return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** Only the coordinator of a group serves it. */
  group(context: RequestContext, right: Right | 'see', name: string): ErrorCode {
    if (!context.access.group(right, name)) return ErrorCode.GROUP_AUTHORIZATION_FAILED;
    return this.coordinates(context, name) ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
  }

  coordinates({ session }: RequestContext, group: string): boolean {
    return this.brokers.size === 1 || this.brokers.coordinatorOf(group) === session.nodeId;
  }

  cluster({ access }: RequestContext, right: Right | 'see'): ErrorCode {
    return access.cluster(right) ? ErrorCode.NONE : ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  }
}

/** The access check of one API, wrapped around its handler. */
export interface Rule {
  readonly key: number;
  guard(handle: Route['handle'], desk: Desk): Route['handle'];
}

type Wrap<Request extends Fields, Response extends Fields> = (
  handle: Handler<Request, Response>,
  desk: Desk,
) => Handler<Request, Response>;

export function rule<Request extends Fields, Response extends Fields>(
  { key }: Api<Request, Response>,
  wrap: Wrap<Request, Response>,
): Rule {
  return { key, guard: wrap as unknown as Rule['guard'] };
}

/** A rule without a check, for APIs that every client may use. */
export function open<Request extends Fields, Response extends Fields>(api: Api<Request, Response>): Rule {
  return rule(api, (handle) => handle);
}

/** The names of a message's list fields. */
type ListOf<Message> = {
  [K in keyof Message]-?: NonNullable<Message[K]> extends readonly unknown[] ? K : never;
}[keyof Message];

type ItemOf<List> = NonNullable<List> extends readonly (infer Item)[] ? Item : never;

/**
 * Serves the items that are not refused, and inserts the refusals at their positions in the answer's list `answered`.
 * The handler must give one answer per item, in the order of the items.
 */
export async function serveAllowed<Item, Answer extends object, Answered extends ListOf<Answer>>(
  items: readonly Item[],
  refuse: (item: Item) => ItemOf<Answer[Answered]> | undefined,
  answered: Answered,
  serve: (allowed: Item[]) => Answer | Silence | Promise<Answer | Silence>,
): Promise<Answer | Silence> {
  const refusals = items.map(refuse);
  const answer = await serve(items.filter((_, i) => refusals[i] === undefined));
  if (isSilence(answer)) return answer;
  const answers = (answer[answered] ?? []) as readonly ItemOf<Answer[Answered]>[];
  let next = 0;
  return { ...answer, [answered]: refusals.map((refusal) => refusal ?? answers[next++]!) };
}
