"""One request to one answer of a model of rows: its rows, the saved preprocessing, the graph. No HTTP here."""

import json

import numpy as np

from recsys_workers import manifest, predictions, preprocessing
from recsys_workers.predictions import Outputs
from recsys_workers.preprocessing import Columns, Inputs, Preprocessing
from recsys_workers.serve import rows, session
from recsys_workers.serve.recommender import Answer, Fallback
from recsys_workers.serve.refusal import wrong_task
from recsys_workers.serve.scoring import BrokenModel
from recsys_workers.serve.settings import Settings
from recsys_workers.serve.termination import CannotServe
from recsys_workers.tasks import TABULAR

INPUTS, OUTPUTS = {"numeric", "categorical"}, {"output"}
WARM_UP = 20


class Predictor:
    """Answers requests from one version. Called from one thread."""

    def __init__(
        self, model: str, version: int, fitted: Preprocessing, onnx: bytes, threads: int, task: str = TABULAR
    ) -> None:
        self._session = session.loaded(onnx, threads)
        inputs, outputs = session.names(self._session)
        if (inputs, outputs) != (INPUTS, OUTPUTS):
            raise CannotServe(
                "ModelUnreadable",
                f"model.onnx has inputs {sorted(inputs)} and outputs {sorted(outputs)}; "
                f"a {task} model needs {sorted(INPUTS)} and {sorted(OUTPUTS)}.",
            )
        self.task = task
        self._model = model
        self._version = version
        self._fitted = fitted

    def parse(self, route: str, body: bytes) -> tuple[Columns, int]:
        """The columns of a request's rows, and how many these are; raises Refused naming the field."""
        if route != "predict":
            raise wrong_task(
                f"This model answers rows ({self.task}), and no histories: POST /predict with "
                '{"rows": [{column: value}]}.'
            )
        return rows.parse(body, self._fitted)

    def predict(self, asked: tuple[Columns, int], request_id: str) -> Answer:
        """The answer's JSON: one prediction a row, in their order. Raises BrokenModel."""
        columns, count = asked
        inputs = self._fitted.apply(columns, count)
        outputs = self._outputs(inputs)
        target = self._fitted.target
        body = json.dumps(
            {
                "requestId": request_id,
                "model": self._model,
                "version": self._version,
                "predictions": predictions.documents(target, outputs),
            },
            allow_nan=False,
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        known = (preprocessing.OneHot, preprocessing.Vocabulary)
        lookups = sum(isinstance(column, known) for column in self._fitted.columns)
        scores = predictions.scores(target, outputs).tolist()
        return Answer(body, scores, Fallback.NONE, count * lookups, inputs.unknown)

    def warm_up(self) -> None:
        """Run the graph as requests will; raises CannotServe when it does not work."""
        columns: Columns = {
            column.name: np.zeros(1) if isinstance(column, preprocessing.OF_NUMBERS) else ["?"]
            for column in self._fitted.columns
        }
        try:
            for _ in range(WARM_UP):
                self.predict((columns, 1), "warm-up")
        except Exception as error:
            raise CannotServe("ModelBroken", f"model.onnx fails on a row: {error}") from error

    def _outputs(self, inputs: Inputs) -> Outputs:
        outputs: Outputs = self._session.run(
            ["output"], {"numeric": inputs.numeric, "categorical": inputs.categorical}
        )[0]
        expected = (len(inputs), self._fitted.target.outputs)
        if outputs.shape != expected or not np.isfinite(outputs).all():
            raise BrokenModel("The model answered something else than a finite number for each row and output.")
        return outputs


def load(settings: Settings, version: manifest.Version) -> Predictor:
    """The predictor of a verified version, warm; raises CannotServe."""
    try:
        fitted = preprocessing.decode(version.contents[manifest.PREPROCESSING])
        onnx = version.contents[manifest.MODEL]
    except KeyError as error:
        raise CannotServe("ArtifactUnreadable", f"The manifest of {settings.artifact_uri} lists no {error}.") from error
    except manifest.ArtifactError as error:
        raise CannotServe("ArtifactUnreadable", str(error)) from error
    predictor = Predictor(settings.model, settings.version, fitted, onnx, settings.threads, version.manifest.task)
    predictor.warm_up()
    return predictor
