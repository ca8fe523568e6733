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

/** Says of every part of a request whether the client may have it, and whether this broker is the one to ask. */
export class Desk {
  constructor(
    readonly directory: TopicDirectory,
    private readonly brokers: VirtualCluster,
    /** Asking for a topic that is missing may create it. */
    readonly createsTopics: boolean,
  ) {}

  topic({ access }: RequestContext, right: Right | 'see', name: string): ErrorCode {
    return access.topic(right, name) ? ErrorCode.NONE : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  }

  /** Only the leader serves a partition; what is not there is for the handler to tell. */
  partition({ session }: RequestContext, name: string, index: number): ErrorCode {
    if (this.brokers.size === 1 || this.brokers.leaderOf(name, index) === session.nodeId)
      return ErrorCode.NONE;
    const topic = this.directory.byName(name);
    if (topic === undefined || index < 0 || index >= topic.partitionCount) return ErrorCode.NONE;
    return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** Only its coordinator serves a group. */
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

/** What has to hold before an API is served. */
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

/** An API that is everybody's, or whose answer is the same for everybody. */
export function open<Request extends Fields, Response extends Fields>(api: Api<Request, Response>): Rule {
  return rule(api, (handle) => handle);
}

/** The fields of a message that are lists. */
type ListOf<Message> = {
  [K in keyof Message]-?: NonNullable<Message[K]> extends readonly unknown[] ? K : never;
}[keyof Message];

type ItemOf<List> = NonNullable<List> extends readonly (infer Item)[] ? Item : never;

/**
 * Serves the items that are not refused, and puts the refusals in their places in the list `answered` of the answer.
 * The handler must answer one for one, in the order of the items.
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
