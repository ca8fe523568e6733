import { ResourceType } from '../handlers/config-resources.js';
import { alterConfigs } from '../protocol/apis/alter-configs.js';
import { createPartitions } from '../protocol/apis/create-partitions.js';
import { createTopics } from '../protocol/apis/create-topics.js';
import { deleteTopics } from '../protocol/apis/delete-topics.js';
import { describeConfigs } from '../protocol/apis/describe-configs.js';
import { incrementalAlterConfigs } from '../protocol/apis/incremental-alter-configs.js';
import { initProducerId } from '../protocol/apis/init-producer-id.js';
import { metadata } from '../protocol/apis/metadata.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { Right } from '../security/access.js';
import { CLOSE, NO_ANSWER, type RequestContext } from '../server/request.types.js';
import { type Desk, rule, serveAllowed } from './rule.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';
const NOT_ALLOWED = 'not allowed';

/** Hides what the client may not see; only whoever may administer a topic creates it by asking for it. */
export const metadataRule = rule(metadata, (handle, desk) => async (request, context) => {
  const { topics, allowAutoTopicCreation } = request;
  const { access } = context;
  const isAll = topics === null || (context.version === 0 && topics.length === 0);
  const refuse = (name: string | null, topicId: string, errorCode: ErrorCode) => ({
    errorCode,
    name: name ?? (context.version < 12 ? '' : null),
    topicId,
    isInternal: false,
    partitions: [],
  });
  const refusalOf = ({ name, topicId }: NonNullable<typeof topics>[number]) => {
    if (name === null) {
      const known = desk.directory.byId(topicId);
      const isHidden = known !== undefined && !access.topic('see', known.name);
      return isHidden ? refuse(null, topicId, ErrorCode.UNKNOWN_TOPIC_ID) : undefined;
    }
    const isMissing = desk.directory.byName(name) === undefined;
    const right = isMissing && allowAutoTopicCreation ? 'admin' : 'see';
    return access.topic(right, name) ? undefined : refuse(name, NO_ID, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  };
  if (isAll) {
    const answer = await handle(request, context);
    if (answer === CLOSE || answer === NO_ANSWER) return answer;
    return { ...answer, topics: (answer.topics ?? []).filter(({ name }) => access.topic('see', name ?? '')) };
  }
  let rest = {};
  const told = await serveAllowed(topics, refusalOf, async (allowed) => {
    const answer = await handle({ ...request, topics: [...allowed] }, context);
    rest = answer;
    return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.topics ?? []);
  });
  return { ...(rest as { brokers: []; controllerId: number; clusterId: string }), topics: told };
});

export const createTopicsRule = rule(createTopics, (handle, desk) => async (request, context) => {
  const topics = await serveAllowed(
    request.topics,
    ({ name }) => refusal(desk.topic(context, 'admin', name), { name }),
    async (allowed) => {
      const answer = await handle({ ...request, topics: [...allowed] }, context);
      return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.topics ?? []);
    },
  );
  return { topics };
});

/** A topic that must not be seen has, by its UUID, no more than an unknown one. */
export const deleteTopicsRule = rule(deleteTopics, (handle, desk) => async (request, context) => {
  const asked = [
    ...request.names.map((name) => ({ name: name, topicId: NO_ID, isById: false })),
    ...request.topics.map((topic) => ({ ...topic, isById: true })),
  ];
  const topics = await serveAllowed(
    asked,
    ({ name, topicId }) => {
      const known = name ?? desk.directory.byId(topicId)?.name;
      if (known === undefined || context.access.topic('admin', known)) return undefined;
      const isHidden = name === null && !context.access.topic('see', known);
      const errorCode = isHidden ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
      return { name, topicId, errorCode: errorCode };
    },
    async (allowed) => {
      const names = allowed.filter(({ isById }) => !isById).map(({ name }) => name!);
      const byId = allowed.filter(({ isById }) => isById);
      const answer = await handle({ ...request, names, topics: byId }, context);
      return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.topics ?? []);
    },
  );
  return { topics };
});

export const createPartitionsRule = rule(createPartitions, (handle, desk) => async (request, context) => {
  const results = await serveAllowed(
    request.topics,
    ({ name }) => refusal(desk.topic(context, 'admin', name), { name }),
    async (allowed) => {
      const answer = await handle({ ...request, topics: [...allowed] }, context);
      return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.results ?? []);
    },
  );
  return { results };
});

export const describeConfigsRule = rule(describeConfigs, (handle, desk) => async (request, context) => {
  const results = await serveAllowed(
    request.resources,
    ({ type, name }) => {
      const refused = refusal(configRight(desk, context, 'see', type, name), { type, name });
      return refused === undefined ? undefined : { ...refused, configs: [] };
    },
    async (allowed) => {
      const answer = await handle({ ...request, resources: [...allowed] }, context);
      return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.results ?? []);
    },
  );
  return { results };
});

export const alterConfigsRule = rule(alterConfigs, (handle, desk) => async (request, context) => {
  const responses = await serveAllowed(
    request.resources,
    ({ type, name }) => refusal(configRight(desk, context, 'admin', type, name), { type, name }),
    async (allowed) => {
      const answer = await handle({ ...request, resources: [...allowed] }, context);
      return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.responses ?? []);
    },
  );
  return { responses };
});

export const incrementalAlterConfigsRule = rule(
  incrementalAlterConfigs,
  (handle, desk) => async (request, context) => {
    const responses = await serveAllowed(
      request.resources,
      ({ type, name }) => refusal(configRight(desk, context, 'admin', type, name), { type, name }),
      async (allowed) => {
        const answer = await handle({ ...request, resources: [...allowed] }, context);
        return answer === CLOSE || answer === NO_ANSWER ? [] : (answer.responses ?? []);
      },
    );
    return { responses };
  },
);

/** Whoever may write to some topic may do so idempotently. */
export const initProducerIdRule = rule(
  initProducerId,
  (handle) => (request, context) =>
    context.access.mayWriteSomewhere
      ? handle(request, context)
      : { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED },
);

function configRight(
  desk: Desk,
  context: RequestContext,
  right: Right | 'see',
  type: number,
  name: string,
): ErrorCode {
  return type === ResourceType.TOPIC ? desk.topic(context, right, name) : desk.cluster_(context, right);
}

function refusal<T extends object>(errorCode: ErrorCode, item: T) {
  return errorCode === ErrorCode.NONE ? undefined : { ...item, errorCode, errorMessage: NOT_ALLOWED };
}
