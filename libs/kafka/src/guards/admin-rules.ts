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
import { isSilence, type RequestContext } from '../server/request.types.js';
import { type Desk, rule, serveAllowed } from './rule.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';
const NOT_ALLOWED = 'not allowed';

interface Named {
  readonly name: string;
}

interface Resource extends Named {
  readonly type: number;
}

/** Hides topics that the client may not see. Auto-creation of a topic needs `admin` on it. */
export const metadataRule = rule(metadata, (handle, desk) => async (request, context) => {
  const { topics, allowAutoTopicCreation } = request;
  const { access } = context;
  if (topics === null || (context.version === 0 && topics.length === 0)) {
    const answer = await handle(request, context);
    if (isSilence(answer)) return answer;
    return { ...answer, topics: (answer.topics ?? []).filter(({ name }) => access.topic('see', name ?? '')) };
  }
  const refuse = (name: string | null, topicId: string, errorCode: ErrorCode) => ({
    errorCode,
    name: name ?? (context.version < 12 ? '' : null),
    topicId,
    isInternal: false,
    partitions: [],
  });
  const refusalOf = ({ name, topicId }: (typeof topics)[number]) => {
    if (name === null) {
      const known = desk.directory.byId(topicId);
      const isHidden = known !== undefined && !access.topic('see', known.name);
      return isHidden ? refuse(null, topicId, ErrorCode.UNKNOWN_TOPIC_ID) : undefined;
    }
    const isMissing = desk.directory.byName(name) === undefined;
    const right = isMissing && allowAutoTopicCreation && desk.createsTopics ? 'admin' : 'see';
    return access.topic(right, name) ? undefined : refuse(name, NO_ID, ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  };
  return serveAllowed(topics, refusalOf, 'topics', (allowed) =>
    handle({ ...request, topics: allowed }, context),
  );
});

export const createTopicsRule = rule(createTopics, (handle, desk) => (request, context) => {
  const refusalOf = ({ name }: Named) => refusal(desk.topic(context, 'admin', name), { name });
  return serveAllowed(request.topics, refusalOf, 'topics', (topics) =>
    handle({ ...request, topics }, context),
  );
});

/** A hidden topic requested by UUID gets the same error as an unknown UUID. */
export const deleteTopicsRule = rule(deleteTopics, (handle, desk) => (request, context) => {
  const asked = [
    ...request.names.map((name) => ({ name, topicId: NO_ID, isById: false })),
    ...request.topics.map((topic) => ({ ...topic, isById: true })),
  ];
  const refusalOf = ({ name, topicId }: (typeof asked)[number]) => {
    const known = name ?? desk.directory.byId(topicId)?.name;
    if (known === undefined || context.access.topic('admin', known)) return undefined;
    const isHidden = name === null && !context.access.topic('see', known);
    const errorCode = isHidden ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    return { name, topicId, errorCode };
  };
  return serveAllowed(asked, refusalOf, 'topics', (allowed) => {
    const names = allowed.filter(({ isById }) => !isById).map(({ name }) => name!);
    return handle({ ...request, names, topics: allowed.filter(({ isById }) => isById) }, context);
  });
});

export const createPartitionsRule = rule(createPartitions, (handle, desk) => (request, context) => {
  const refusalOf = ({ name }: Named) => refusal(desk.topic(context, 'admin', name), { name });
  return serveAllowed(request.topics, refusalOf, 'results', (topics) =>
    handle({ ...request, topics }, context),
  );
});

export const describeConfigsRule = rule(describeConfigs, (handle, desk) => (request, context) => {
  const refusalOf = ({ type, name }: Resource) =>
    refusal(checkConfig(desk, context, 'see', type, name), { type, name, configs: [] });
  return serveAllowed(request.resources, refusalOf, 'results', (resources) =>
    handle({ ...request, resources }, context),
  );
});

export const alterConfigsRule = rule(
  alterConfigs,
  (handle, desk) => (request, context) =>
    serveAllowed(request.resources, alterRefusal(desk, context), 'responses', (resources) =>
      handle({ ...request, resources }, context),
    ),
);

export const incrementalAlterConfigsRule = rule(
  incrementalAlterConfigs,
  (handle, desk) => (request, context) =>
    serveAllowed(request.resources, alterRefusal(desk, context), 'responses', (resources) =>
      handle({ ...request, resources }, context),
    ),
);

/** A client that may write to any topic may do so idempotently. */
export const initProducerIdRule = rule(
  initProducerId,
  (handle) => (request, context) =>
    context.access.mayWriteSomewhere
      ? handle(request, context)
      : { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED },
);

function alterRefusal(desk: Desk, context: RequestContext) {
  return ({ type, name }: Resource) =>
    refusal(checkConfig(desk, context, 'admin', type, name), { type, name });
}

function checkConfig(
  desk: Desk,
  context: RequestContext,
  right: Right | 'see',
  type: number,
  name: string,
): ErrorCode {
  return type === ResourceType.TOPIC ? desk.topic(context, right, name) : desk.cluster(context, right);
}

function refusal<T extends object>(errorCode: ErrorCode, item: T) {
  return errorCode === ErrorCode.NONE ? undefined : { ...item, errorCode, errorMessage: NOT_ALLOWED };
}
