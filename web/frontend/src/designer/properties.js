// The properties panel: what an element says to the engine, in plain words. Every change is one undoable command.
import { h } from './elements.js';
import { t } from './words.js';

const EVENTS = ['bpmn:StartEvent', 'bpmn:EndEvent', 'bpmn:IntermediateCatchEvent', 'bpmn:IntermediateThrowEvent', 'bpmn:BoundaryEvent'];
const THROWS = ['bpmn:EndEvent', 'bpmn:IntermediateThrowEvent', 'bpmn:SendTask'];
const KINDS = {
  'bpmn:Process': t('流程', 'Process'),
  'bpmn:Lane': t('泳道', 'Lane'),
  'bpmn:StartEvent': t('开始', 'Start'),
  'bpmn:EndEvent': t('结束', 'End'),
  'bpmn:IntermediateCatchEvent': t('等待', 'Wait'),
  'bpmn:IntermediateThrowEvent': t('发送消息', 'Send'),
  'bpmn:BoundaryEvent': t('办理中的事件', 'While being done'),
  'bpmn:UserTask': t('办理任务', 'Task of a person'),
  'bpmn:ServiceTask': t('系统操作', 'Operation'),
  'bpmn:ScriptTask': t('计算', 'Reckoning'),
  'bpmn:BusinessRuleTask': t('查决策表', 'Decision table'),
  'bpmn:SendTask': t('发送消息', 'Send'),
  'bpmn:ReceiveTask': t('等待消息', 'Wait for a message'),
  'bpmn:CallActivity': t('调用流程', 'Call a process'),
  'bpmn:SubProcess': t('子流程', 'Subprocess'),
  'bpmn:ExclusiveGateway': t('排他网关', 'Exclusive gateway'),
  'bpmn:ParallelGateway': t('并行网关', 'Parallel gateway'),
  'bpmn:EventBasedGateway': t('事件网关', 'Event gateway'),
  'bpmn:SequenceFlow': t('连线', 'Flow'),
  'bpmn:Task': t('未定类型的任务', 'Task without a kind'),
};

export class Properties {
  constructor(modeler, place, known, editable) {
    Object.assign(this, { modeler, place, known, editable });
    this.moddle = modeler.get('moddle');
    this.modeling = editable ? modeler.get('modeling') : null;
    this.element = null;
    const bus = modeler.get('eventBus');
    bus.on('selection.changed', ({ newSelection }) => this.show(newSelection.length === 1 ? newSelection[0] : null));
    bus.on('element.changed', ({ element }) => element === this.element && this.later());
    bus.on('import.done', () => this.show(null));
    bus.on('commandStack.changed', () => this.later());
  }

  show(element) {
    this.element = element?.labelTarget ?? element ?? this.modeler.get('canvas').getRootElement();
    this.draw();
  }

  /** Draws anew after the focus has moved on, and gives it back. */
  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      this.draw();
      if (focused) this.place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    });
  }

  draw() {
    const object = this.element?.businessObject;
    if (!object || object.$type === '__implicitroot') return;
    const open = new Set([...this.place.querySelectorAll('details[open]')].map((one) => one.dataset.group));
    const scroll = this.place.scrollTop;
    this.place.replaceChildren(
      h('header', { class: 'ds-head' }, h('strong', {}, KINDS[object.$type] ?? object.$type.slice(5)), h('code', {}, object.id)),
      ...this.groups(object).map(([key, title, rows, more]) => {
        const body = h('div', { class: 'ds-rows' }, ...rows);
        return more
          ? h('details', { class: 'ds-group', 'data-group': key, ...(open.has(key) ? { open: '' } : {}) }, h('summary', {}, title), body)
          : h('section', { class: 'ds-group' }, h('h3', {}, title), body);
      }),
    );
    this.place.scrollTop = scroll;
  }

  groups(object) {
    const groups = [['name', t('名称', 'Name'), [
      this.text(object, 'name', t('名称', 'Name'), { area: object.$type !== 'bpmn:SequenceFlow' }),
      object.$type === 'bpmn:SequenceFlow' ? null : this.text(object, 'cl:nameEn', t('英文名称', 'English name')),
    ]]];
    const type = object.$type;
    if (type === 'bpmn:Process') groups.push(this.process(object));
    if (type === 'bpmn:Lane') groups.push(['lane', t('由谁办理', 'Who does it'), [this.choice(object, 'cl:role', t('岗位', 'Role'), this.known.roles)]]);
    if (type === 'bpmn:UserTask') groups.push(...this.userTask(object));
    if (type === 'bpmn:StartEvent' && !this.definition(object, 'Message')) {
      groups.push(['form', t('发起表单', 'Start form'), [
        this.choice(object, 'cl:form', t('表单', 'Form'), this.known.forms)]], this.outcomes(object, true));
    }
    if (type === 'bpmn:ServiceTask') groups.push(...this.operation(object));
    if (type === 'bpmn:BusinessRuleTask') {
      groups.push(['decision', t('决策表', 'Decision table'), [
        this.choice(object, 'cl:decision', t('决策表', 'Decision table'), this.known.decisions.map((one) => [one, one])),
        this.text(object, 'cl:result', t('结果放进变量', 'Result variable'), { help: t('不写则各输出列各成一个变量', 'Empty: one variable per output') })]]);
    }
    if (type === 'bpmn:ScriptTask') {
      groups.push(['script', t('计算', 'Reckoning'), [
        this.text(object, 'script', t('每行：变量 = 表达式', 'Each line: variable = expression'), { area: true, code: true })]]);
    }
    if (type === 'bpmn:CallActivity') {
      groups.push(['call', t('调用的流程', 'Called process'), [
        this.choice(object, 'calledElement', t('流程', 'Process'), this.known.processes)]]);
    }
    if (type === 'bpmn:SequenceFlow') groups.push(this.flow(object));
    if (EVENTS.includes(type) || type === 'bpmn:SendTask' || type === 'bpmn:ReceiveTask') groups.push(...this.event(object));
    return groups;
  }

  process(object) {
    const starters = (object.get('cl:starters') ?? '').split(/\s+/).filter(Boolean);
    const boxes = this.known.roles.map(([key, label]) => this.box(`starter-${key}`, label, starters.includes(key), (on) => {
      const kept = starters.filter((one) => one !== key);
      this.set(object, 'cl:starters', (on ? [...kept, key] : kept).join(' '));
    }));
    return ['process', t('流程', 'Process'), [
      this.box('own', t('每次启动都是一件新事项', 'Every start is a matter of its own'), object.get('cl:matter') === 'own', (on) => this.set(object, 'cl:matter', on ? 'own' : '')),
      this.text(object, 'cl:title', t('事项标题（=表达式）', 'Title of the matter (=expression)'), { code: true }),
      h('fieldset', { class: 'ds-boxes' }, h('legend', {}, t('谁可以发起', 'Who may start it')), ...boxes),
    ]];
  }

  userTask(object) {
    const loop = object.loopCharacteristics;
    return [
      ['who', t('由谁办理', 'Who does it'), [
        this.choice(object, 'cl:role', t('岗位', 'Role'), this.known.roles, t('按所在泳道', 'As the lane says')),
        this.choice(object, 'cl:form', t('表单', 'Form'), this.known.forms)]],
      this.outcomes(object, false),
      ['due', t('时限与提醒', 'Deadline and reminders'), [
        this.text(object, 'cl:due', t('办理时限', 'Deadline'), { code: true, help: t('5wd 五个工作日，P15D 十五天，或 =表达式', '5wd working days, P15D days, or =expression') }),
        this.text(object, 'cl:remind', t('到期前提醒', 'Remind before'), { code: true, help: t('如 P3D P1D，空格分开', 'such as P3D P1D') })]],
      ...(loop?.$type === 'bpmn:MultiInstanceLoopCharacteristics' ? [this.spread(object, loop)] : []),
      ['fields', t('字段权限与显示', 'Rights on fields'), [
        this.list(object, 'cl:Field', t('字段', 'Field'), [['key', t('字段', 'field')], ['access', t('权限', 'access'), [['write', t('可填', 'write')], ['read', t('只读', 'read')], ['hidden', t('隐藏', 'hidden')]]]], { key: '', access: 'read' }),
        this.list(object, 'cl:Show', t('一并显示的表单', 'Forms shown beside it'), [['form', t('表单', 'form'), this.known.forms]], { form: this.known.forms[0]?.[0] ?? '' })], true],
      ['more', t('更多', 'More'), [
        this.text(object, 'cl:organisation', t('办理机构（=表达式）', 'Organisation (=expression)'), { code: true }),
        this.text(object, 'cl:person', t('指定人员（=表达式）', 'Person (=expression)'), { code: true }),
        this.text(object, 'cl:exclude', t('排除人员（=表达式）', 'Excluded people (=expression)'), { code: true }),
        this.text(object, 'cl:notBy', t('办过这些步骤的人回避', 'Not by who did these steps'), { code: true }),
        this.text(object, 'cl:cc', t('办结抄送岗位', 'Copies to roles'), { code: true }),
        this.text(object, 'cl:priority', t('优先级 0–100', 'Priority 0–100')),
        this.box('bulk', t('可以批量办理', 'May be done in bulk'), object.get('cl:bulk') === 'true', (on) => this.set(object, 'cl:bulk', on ? 'true' : ''))], true],
    ];
  }

  outcomes(object, more) {
    const opinions = [['optional', t('意见可填', 'opinion optional')], ['required', t('意见必填', 'opinion required')], ['none', t('不填意见', 'no opinion')]];
    const forms = [['complete', t('表单须填完整', 'form complete')], ['partial', t('表单可不完整', 'form may be partial')]];
    const styles = [['plain', t('普通', 'plain')], ['primary', t('主要', 'primary')], ['danger', t('警示', 'danger')]];
    return ['outcomes', t('按钮', 'Buttons'), [this.list(object, 'cl:Outcome', t('按钮', 'Button'), [
      ['name', t('文字', 'words')], ['nameEn', t('英文', 'English')], ['id', t('编号', 'id')],
      ['opinion', t('意见', 'opinion'), opinions], ['form', t('表单', 'form'), forms], ['style', t('样式', 'look'), styles],
    ], { id: `outcome_${Date.now() % 10000}`, name: t('新按钮', 'New button') })], more];
  }

  spread(object, loop) {
    const vote = this.extensions(object, 'cl:Vote')[0];
    const buttons = this.extensions(object, 'cl:Outcome').map((one) => [one.id, one.name]);
    const part = (key, label, options, help) => {
      const change = (value) => (vote ? this.change(vote, { [key]: value || undefined })
        : this.write(object, 'cl:Vote', [this.moddle.create('cl:Vote', { pass: buttons[0]?.[0] ?? '', needed: 'all', [key]: value })]));
      return this.input(`vote-${key}`, label, vote?.get(key) ?? '', change, { options, help });
    };
    return ['spread', t('会签', 'Countersign'), [
      this.input('collection', t('名单变量', 'List variable'), loop.loopDataInputRef?.id ?? '', (value) => this.change(loop, { loopDataInputRef: value ? this.pseudo(value) : undefined })),
      this.input('item', t('其中一项的名称', 'Name of one item'), loop.inputDataItem?.name ?? loop.inputDataItem?.id ?? '', (value) => {
        const item = this.moddle.create('bpmn:DataInput', { name: value });
        item.$parent = loop;
        this.change(loop, { inputDataItem: item });
      }),
      this.input('each', t('名单里是', 'The list holds'), loop.get('cl:each') ?? '', (value) => this.change(loop, { 'cl:each': value }), { options: [['person', t('人员', 'people')], ['organisation', t('机构', 'organisations')]] }),
      part('pass', t('通过的按钮', 'Button that passes'), buttons),
      part('needed', t('需要多少', 'How many'), null, t('all、any、majority、2/3 或 =表达式', 'all, any, majority, 2/3 or =expression')),
      part('veto', t('一票否决的按钮', 'Button that vetoes'), [['', '—'], ...buttons]),
      part('otherwise', t('未通过时视为', 'Otherwise'), [['', '—'], ...buttons]),
    ]];
  }

  operation(object) {
    const name = object.get('cl:operation') ?? '';
    const found = this.known.operations.find((one) => one.name === name);
    const given = new Map(this.extensions(object, 'cl:Param').map((one) => [one.name, one]));
    const names = [...(found ? [...found.required, ...found.optional] : []), ...given.keys()].filter((one, at, all) => all.indexOf(one) === at);
    const rows = names.map((key) => this.input(`param-${key}`, `${key}${found?.required.includes(key) ? ' *' : ''}`, given.get(key)?.value ?? '', (value) => {
      const kept = this.extensions(object, 'cl:Param').filter((one) => one.name !== key);
      this.write(object, 'cl:Param', value ? [...kept, this.moddle.create('cl:Param', { name: key, value })] : kept);
    }, { code: true, help: found && !found.required.includes(key) && !found.optional.includes(key) ? t('该操作没有这个参数', 'the operation has no such parameter') : '' }));
    return [
      ['operation', t('系统操作', 'Operation'), [
        this.choice(object, 'cl:operation', t('操作', 'Operation'), this.known.operations.map((one) => [one.name, `${one.summary}（${one.name}）`])),
        this.text(object, 'cl:result', t('结果放进变量', 'Result variable'), { code: true })]],
      ['params', t('参数（表达式）', 'Parameters (expressions)'), rows.length ? rows : [h('p', { class: 'ds-help' }, t('这个操作没有参数。', 'It takes no parameters.'))]],
    ];
  }

  flow(object) {
    const source = object.sourceRef;
    const decides = ['bpmn:ExclusiveGateway', 'bpmn:Activity'].some((one) => source?.$instanceOf?.(one));
    const rows = [this.input('condition', t('走这条线的条件（表达式）', 'Condition (expression)'), object.conditionExpression?.body ?? '', (value) => {
      const made = value ? this.moddle.create('bpmn:FormalExpression', { body: value }) : undefined;
      if (made) made.$parent = object;
      this.modeling.updateProperties(this.element, { conditionExpression: made });
    }, { area: true, code: true, help: t('例如 outcome == "approve"', 'such as outcome == "approve"') })];
    if (decides) {
      rows.push(this.box('default', t('其余情况走这条线', 'Taken when no other condition holds'), source.default === object, (on) => {
        this.modeling.updateProperties(this.modeler.get('elementRegistry').get(source.id), { default: on ? object : undefined });
      }));
    }
    return ['flow', t('条件', 'Condition'), rows];
  }

  event(object) {
    const groups = [];
    const timer = this.definition(object, 'Timer');
    if (timer) {
      const key = timer.timeDate ? 'timeDate' : 'timeDuration';
      const write = (name, body) => {
        const made = this.moddle.create('bpmn:FormalExpression', { body });
        made.$parent = timer;
        this.change(timer, { timeDate: undefined, timeDuration: undefined, [name]: made });
      };
      groups.push(['timer', t('定时', 'Timer'), [
        this.input('timer-kind', t('按', 'By'), key, (value) => write(value, timer[key]?.body ?? ''), { options: [['timeDuration', t('时长', 'duration')], ['timeDate', t('日期', 'date')]] }),
        this.input('timer-value', t('值', 'Value'), timer[key]?.body ?? '', (value) => write(key, value), { code: true, help: t('P20D、5wd，或 =表达式', 'P20D, 5wd, or =expression') })]]);
      if (object.$type === 'bpmn:BoundaryEvent') {
        groups.push(['cancel', t('到期后', 'When it is due'), [this.box('interrupting', t('中断所附任务', 'Interrupt the task'), object.cancelActivity !== false, (on) => this.modeling.updateProperties(this.element, { cancelActivity: on }))]]);
      }
    }
    const message = this.definition(object, 'Message');
    const holder = message ?? (['bpmn:SendTask', 'bpmn:ReceiveTask'].includes(object.$type) ? object : null);
    if (!holder) return groups;
    groups.push(['message', t('消息', 'Message'), [this.input('message', t('消息名称', 'Name of the message'), holder.messageRef?.name ?? '', (value) => {
      const messageRef = value ? this.message(value) : undefined;
      if (holder === object) this.modeling.updateProperties(this.element, { messageRef });
      else this.change(holder, { messageRef });
    }, { suggest: this.known.messages })]]);
    groups.push(...(THROWS.includes(object.$type) ? this.sends(object) : this.receives(object)));
    return groups;
  }

  sends(object) {
    const send = this.extensions(object, 'cl:Send')[0];
    const part = (key, label, more) => this.input(`send-${key}`, label, send?.get(key) ?? '', (value) => (send
      ? this.change(send, { [key]: value || undefined })
      : this.write(object, 'cl:Send', [this.moddle.create('cl:Send', { [key]: value })])), more);
    return [['send', t('发给谁', 'To whom'), [
      part('key', t('按什么认领（表达式）', 'Key (expression)'), { code: true }),
      part('each', t('逐个发送的名单（表达式）', 'List to send to each of'), { code: true }),
      part('item', t('名单中一项的名称', 'Name of one item'), { code: true }),
      part('deployment', t('启动新流程时用哪一版', 'Version of a started process'), { options: [['', t('与本流程相同', 'as this one')], ['plan', t('计划年度的版本', "the plan year's")], ['newest', t('最新版本', 'the newest')]] })]],
    ['payload', t('随消息带去', 'It carries'), [this.list(object, 'cl:Payload', t('内容', 'Value'), [['name', t('名称', 'name')], ['value', t('表达式', 'expression')]], { name: 'name', value: 'name' })]]];
  }

  receives(object) {
    const receive = this.extensions(object, 'cl:Receive')[0];
    const part = (key, label, more) => this.input(`receive-${key}`, label, receive?.get(key) ?? '', (value) => (receive
      ? this.change(receive, { [key]: value || undefined })
      : this.write(object, 'cl:Receive', [this.moddle.create('cl:Receive', { [key]: value })])), more);
    const rows = object.$type === 'bpmn:StartEvent' ? [] : [
      part('key', t('按什么认领（表达式）', 'Key (expression)'), { code: true }),
      part('by', t('也可由这些岗位手动触发', 'Roles that may send it by hand'), { code: true })];
    return [...(rows.length ? [['receive', t('等谁的消息', 'Which message'), rows]] : []),
      ['variables', t('从消息取出', 'Taken from it'), [this.list(object, 'cl:Variable', t('变量', 'Variable'), [['name', t('变量', 'variable')], ['from', t('消息里的名称', 'name in the message')]], { name: 'name', from: 'name' })]]];
  }

  // ── what the rows are made of ──────────────────────────────────────────

  text(object, key, label, options = {}) {
    return this.input(key, label, object.get(key) ?? '', (value) => this.set(object, key, value), options);
  }

  choice(object, key, label, options, none = '—') {
    return this.input(key, label, object.get(key) ?? '', (value) => this.set(object, key, value), { options: [['', none], ...options] });
  }

  input(key, label, value, change, { area = false, code = false, options = null, suggest = null, help = '' } = {}) {
    const id = `ds-${key.replace(/\W/g, '-')}`;
    const shared = { id, 'data-key': key, disabled: !this.editable, class: code ? 'ds-code' : null, onchange: (event) => change(event.target.value.trim()) };
    let field;
    if (options) {
      const listed = options.some(([one]) => one === value) ? options : [...options, [value, `${value}（${t('不存在', 'missing')}）`]];
      field = h('select', shared, ...listed.map(([one, words]) => h('option', { value: one, selected: one === value }, words)));
    } else if (area) {
      field = h('textarea', { ...shared, rows: '2', value });
    } else {
      field = h('input', { ...shared, value, list: suggest ? `${id}-list` : null, autocomplete: 'off' });
    }
    return h('div', { class: 'ds-row' }, h('label', { for: id }, label), field,
      suggest && h('datalist', { id: `${id}-list` }, ...suggest.map((one) => h('option', { value: one }))),
      help && h('span', { class: 'ds-help' }, help));
  }

  box(key, label, checked, change) {
    return h('label', { class: 'ds-box' }, h('input', { type: 'checkbox', 'data-key': `box-${key}`, checked, disabled: !this.editable, onchange: (event) => change(event.target.checked) }), ` ${label}`);
  }

  list(object, type, noun, columns, fresh) {
    const rows = this.extensions(object, type);
    const cards = rows.map((one, at) => h('div', { class: 'ds-card' },
      ...columns.map(([key, label, options]) => this.input(`${type}-${at}-${key}`, label, one.get(key) ?? (options?.[0]?.[0] ?? ''), (value) => this.change(one, { [key]: value || undefined }), { options })),
      this.editable && h('div', { class: 'ds-card-foot' },
        at > 0 && h('button', { type: 'button', class: 'cl-btn cl-btn--small cl-btn--plain', onclick: () => this.write(object, type, [...rows.slice(0, at - 1), one, rows[at - 1], ...rows.slice(at + 1)]) }, t('上移', 'Up')),
        h('button', { type: 'button', class: 'cl-btn cl-btn--small cl-btn--plain', onclick: () => this.write(object, type, rows.filter((other) => other !== one)) }, t('删除', 'Delete')))));
    return h('div', { class: 'ds-list' }, ...cards, this.editable && h('button', {
      type: 'button', class: 'cl-btn cl-btn--small', 'data-key': `add-${type}`,
      onclick: () => this.write(object, type, [...rows, this.moddle.create(type, { ...fresh })]),
    }, t(`添加${noun}`, `Add ${noun.toLowerCase()}`)));
  }

  // ── reading and writing the model ──────────────────────────────────────

  definition(object, kind) {
    return (object.eventDefinitions ?? []).find((one) => one.$type === `bpmn:${kind}EventDefinition`);
  }

  extensions(object, type) {
    return (object.extensionElements?.values ?? []).filter((one) => one.$type === type);
  }

  set(object, key, value) {
    this.modeling.updateProperties(this.element, { [key]: value === '' ? undefined : value });
  }

  change(part, values) {
    this.modeling.updateModdleProperties(this.element, part, values);
  }

  /** Puts `found` where the elements of this type stood; all others keep their places. */
  write(object, type, found) {
    let holder = object.extensionElements;
    if (!holder) {
      holder = this.moddle.create('bpmn:ExtensionElements', { values: [] });
      holder.$parent = object;
      this.modeling.updateModdleProperties(this.element, object, { extensionElements: holder });
    }
    const before = holder.values ?? [];
    const first = before.findIndex((one) => one.$type === type);
    const others = before.filter((one) => one.$type !== type);
    const at = first < 0 ? others.length : before.slice(0, first).filter((one) => one.$type !== type).length;
    for (const one of found) one.$parent = holder;
    this.modeling.updateModdleProperties(this.element, holder, { values: [...others.slice(0, at), ...found, ...others.slice(at)] });
  }

  /** The message of this name in this diagram, made when it is new. */
  message(name) {
    const definitions = this.modeler.getDefinitions();
    const known = definitions.rootElements.find((one) => one.$type === 'bpmn:Message' && one.name === name);
    if (known) return known;
    const made = this.moddle.create('bpmn:Message', { id: this.moddle.ids.nextPrefixed('Message_'), name });
    made.$parent = definitions;
    definitions.rootElements.push(made);
    return made;
  }

  /** A list variable is named where BPMN expects a data element: the name alone is kept. */
  pseudo(name) {
    return this.moddle.create('bpmn:Property', { id: name });
  }
}

/** Keeps the names of list variables, which no element of the diagram carries. */
export function keepListVariables(modeler, warnings) {
  for (const { element, property, value } of warnings) {
    if (property === 'bpmn:loopDataInputRef') element.loopDataInputRef = modeler.get('moddle').create('bpmn:Property', { id: value });
  }
}
