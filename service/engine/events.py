"""Events: messages and timers that are waited for, at the border of an activity too, and messages sent."""

from SpiffWorkflow import TaskState

from service.engine import patches
from service.engine.deadlines import resolve_timer
from service.engine.model import Variables
from service.engine.nodes import Node
from service.engine.tokens import Flow, Scope, Sent, Token, stop
from service.engine.variables import assign, current, own, together
from service.errors import Text


class StartEvent(Node):
    """A start event. What a message start received is there already when the process begins."""


class EventChoice(Node):
    """An event-based gateway: all events behind it wait, the first that comes ends the others."""


class Catch(Node):
    """A message or timer that is waited for."""

    def _update_hook(self, my_task: Token) -> bool:
        super()._update_hook(my_task)
        return self.wait(my_task)

    def wait(self, token: Token) -> bool:
        """Reckon what the token waits for: the message's key, or when the timer fires. True: nothing."""
        element = self.element
        if element.timer is not None:
            top, deadline = token.workflow.top_workflow, element.timer
            due = self.attempt(lambda: resolve_timer(deadline, top.at, token.data, top.functions))
            token.internal_data["due"] = due.isoformat()
        elif element.receive is not None:
            key = element.receive.key
            value = None if key is None else self.evaluate(token, key)
            if key is not None and (value is None or value == ""):
                raise self.incident(
                    Text(
                        f"等待消息的 key（{key.source}）是空的，等不到任何消息",
                        f"the key of the awaited message ({key.source}) is empty; no message could be found by it",
                    )
                )
            token.internal_data["key"] = "" if value is None else str(value)
        else:
            return True
        token._set_state(TaskState.WAITING)
        return False

    def happen(self, token: Token, values: Variables) -> None:
        """Let the awaited event happen, bringing `values`."""
        parent = token.parent
        if isinstance(parent.task_spec, EventChoice):
            for other in list(parent.children):
                if other is not token:
                    other.task_spec.note(other, "cancelled")
                    patches.drop_branch(other)
        self.go_on(token, values)

    def go_on(self, token: Token, values: Variables) -> None:
        """Let the token run with what the event brought; it no longer waits."""
        for fact in ("key", "due"):
            token.internal_data.pop(fact, None)
        assign(token, values, self.element_id)
        token._ready()


class Boundary(Catch):
    """An event at the border of an activity, interrupting it or not."""

    at_border = True

    def wait(self, token: Token) -> bool:
        """Wait, seeing what the activity sees."""
        token.data = current(token.parent)
        return super().wait(token)

    def happen(self, token: Token, values: Variables) -> None:
        """Leave the activity, or let a branch begin beside it; a message may then come again."""
        holder = token.parent
        token.data = current(holder)
        self.note(token, "entered")
        if self.element.interrupting:
            # The branch goes on for the activity: what that has set or received counts as its own.
            own(holder)
            received = holder.internal_data.get("received")
            if received:
                token.internal_data["received"] = received
            # Ready before the activity is cancelled, which takes away what still waits at its border.
            token._set_state(TaskState.READY)
            stop(holder)
        else:
            token.begin_with(token.data)
            if self.element.receive is not None:
                self.wait(holder._add_child(self))
        self.go_on(token, values)


class Throw(Node):
    """An element that sends a message, always outwards; an end event too, where it also ends."""

    terminates = False

    def _run_hook(self, my_task: Token) -> bool:
        send = self.element.send
        if send is None:
            return True
        top: Flow = my_task.workflow.top_workflow
        scopes: list[Variables] = [my_task.data]
        if send.each is not None and send.item is not None:
            items = self.evaluate(my_task, send.each)
            if not isinstance(items, list | tuple):
                raise self.incident(
                    Text(
                        f"each（{send.each.source}）不是列表",
                        f"each ({send.each.source}) does not give a list",
                    )
                )
            scopes = [{**my_task.data, send.item: item} for item in items]
        for names in scopes:
            key = None if send.key is None else self.evaluate(my_task, send.key, names)
            payload = {
                name: self.evaluate(my_task, expression, names) for name, expression in send.payload.items()
            }
            top.sent.append(Sent(send.message, None if key is None else str(key), payload, send.deployment))
        return True

    def end(self, token: Token) -> None:
        """End the branch, and everything beside it where this end terminates."""
        if not self.terminates or not token.workflow.live:
            super().end(token)
            return
        workflow = token.workflow
        others = sorted(workflow.live.values(), key=lambda one: one.id)
        token.data = together([*others, token])
        for other in others:
            if other.id in workflow.live:
                stop(other)
        if isinstance(workflow, Scope):
            workflow.cut_off = True
