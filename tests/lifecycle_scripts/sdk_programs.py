"""What people write with versions 2 and 3 of the SageMaker SDK: name to program.

No more than is needed: what a program leaves out comes from the defaults or from nowhere.
"""

import re

from environments.loading import ROOT

IMAGE = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/vision:1"
MODEL = "s3://artifacts/vision/output/model.tar.gz"
ROLE = "arn:aws:iam::111111111111:role/vision-job"
DATA = "s3://datasets/vision/images"
NAMES = f"""
IMAGE, MODEL, DATA = {IMAGE!r}, {MODEL!r}, {DATA!r}
ONE = {{"instance_count": 1, "instance_type": "ml.m5.xlarge"}}
IMAGE_ON_ONE = {{"image_uri": IMAGE, **ONE}}
"""

V2 = {
    "train": """
from sagemaker.estimator import Estimator
Estimator(**IMAGE_ON_ONE, base_job_name="vision").fit(wait=False)
""",
    "train by a role": f"""
from sagemaker.estimator import Estimator
Estimator(**IMAGE_ON_ONE, role={ROLE!r}, base_job_name="vision").fit(wait=False)
""",
    "train on little": """
from sagemaker import Session
from sagemaker.estimator import Estimator
session = Session()
for instance_type in ("ml.g5.xlarge", "ml.p4d.24xlarge", "ml.g7e.2xlarge"):
    Estimator(
        image_uri=IMAGE, instance_count=1, instance_type=instance_type, sagemaker_session=session
    ).fit(wait=False)
""",
    "process": """
from sagemaker.processing import ProcessingOutput, Processor
Processor(**IMAGE_ON_ONE, base_job_name="vision").run(
    outputs=[ProcessingOutput(source="/opt/ml/processing/output")], wait=False, logs=False
)
""",
    "process without outputs": """
from sagemaker.processing import Processor
Processor(**IMAGE_ON_ONE, base_job_name="vision").run(wait=False, logs=False)
""",
    "transform": """
from sagemaker.transformer import Transformer
Transformer("vision-model", **ONE, base_transform_job_name="vision").transform(DATA, wait=False)
""",
    "deploy": """
from sagemaker.model import Model
Model(image_uri=IMAGE, model_data=MODEL, name="vision-model").deploy(
    1, "ml.m5.xlarge", endpoint_name="vision-endpoint", wait=False
)
""",
    "tune": """
from sagemaker.estimator import Estimator
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
HyperparameterTuner(
    Estimator(**IMAGE_ON_ONE), "loss", {"rate": ContinuousParameter(0.1, 1)}, [{"Name": "loss", "Regex": "(.*)"}],
    base_tuning_job_name="vision",
).fit(wait=False)
""",
    "pipeline": """
from sagemaker.estimator import Estimator
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import TrainingStep
session = PipelineSession()
step = TrainingStep("vision-train", step_args=Estimator(**IMAGE_ON_ONE, sagemaker_session=session).fit())
Pipeline("vision-pipeline", steps=[step], sagemaker_session=session).create()
""",
    "remote function": """
from sagemaker.remote_function import remote
remote(lambda: 1, instance_type="ml.m5.xlarge", image_uri=IMAGE, job_name_prefix="vision")()
""",
    "notebook job": """
import pathlib
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.pipeline import Pipeline
pathlib.Path("a.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
step = NotebookJobStep("a.ipynb", IMAGE, "python3", name="vision-notebook", notebook_job_name="vision")
Pipeline("vision-pipeline", steps=[step]).create()
""",
}

TRAINER = """
from sagemaker.train import ModelTrainer
trainer = ModelTrainer(training_image=IMAGE, base_job_name="vision")
"""
NETWORKING = """
from sagemaker.train.configs import Networking
modules = load_sagemaker_config()["SageMaker"]["PythonSDK"]["Modules"]
trainer.networking = Networking(**modules["ModelTrainer"]["networking"])
"""
TUNER = """
from sagemaker.core.parameter import ContinuousParameter
from sagemaker.train.tuner import HyperparameterTuner
HyperparameterTuner(
    trainer, "loss", {"rate": ContinuousParameter(0.1, 1)}, [{"Name": "loss", "Regex": "(.*)"}],
    base_tuning_job_name="vision", max_jobs=1, tags=trainer.tags,
).tune(wait=False)
"""
PROCESSOR = """
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
output = ProcessingS3Output(
    s3_uri="s3://artifacts/vision/output/x", local_path="/opt/ml/processing/output", s3_upload_mode="EndOfJob"
)
outputs = [ProcessingOutput(output_name="output", s3_output=output)]
"""
V3 = {
    "train": f"{TRAINER}trainer.train(wait=False)",
    "train by a role": f"""
from sagemaker.train import ModelTrainer
ModelTrainer(training_image=IMAGE, role={ROLE!r}, base_job_name="vision").train(wait=False)
""",
    "process": f"""{PROCESSOR}
Processor(**IMAGE_ON_ONE, base_job_name="vision").run(outputs=outputs, wait=False, logs=False)
""",
    "process on local storage": f"""{PROCESSOR}
from sagemaker.core.config import load_sagemaker_config
from sagemaker.core.helper.session_helper import Session
defaults = load_sagemaker_config()
del defaults["SageMaker"]["ProcessingJob"]["ProcessingResources"]
Processor(
    image_uri=IMAGE, instance_count=1, instance_type="ml.g7e.2xlarge", base_job_name="vision",
    sagemaker_session=Session(sagemaker_config=defaults),
).run(outputs=outputs, wait=False, logs=False)
""",
    "process without outputs": """
from sagemaker.core.processing import Processor
Processor(**IMAGE_ON_ONE, base_job_name="vision").run(wait=False, logs=False)
""",
    "transform": """
from sagemaker.core.transformer import Transformer
Transformer("vision-model", **ONE, base_transform_job_name="vision").transform(DATA, wait=False, logs=False)
""",
    "model": f"""
from sagemaker.serve.model_builder import ModelBuilder
ModelBuilder(
    image_uri=IMAGE, s3_model_data_url=MODEL, instance_type="ml.m5.xlarge", role_arn={ROLE!r}
).build(model_name="vision-model")
""",
    "model without role": """
from sagemaker.serve.model_builder import ModelBuilder
ModelBuilder(image_uri=IMAGE, s3_model_data_url=MODEL, instance_type="ml.m5.xlarge").build(model_name="vision-model")
""",
    "model of the core": """
from sagemaker.core.resources import Model
from sagemaker.core.shapes import ContainerDefinition
Model.create(model_name="vision-model", primary_container=ContainerDefinition(image=IMAGE))
""",
    "tune": TRAINER + TUNER,
    "pipeline": """
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train import ModelTrainer
session = PipelineSession()
arguments = ModelTrainer(training_image=IMAGE, base_job_name="vision", sagemaker_session=session).train()
Pipeline(
    name="vision-pipeline", steps=[TrainingStep(name="vision-train", step_args=arguments)], sagemaker_session=session
).create()
""",
    "remote function": """
from sagemaker.train.remote_function import remote
remote(lambda: 1, instance_type="ml.m5.xlarge", image_uri=IMAGE, job_name_prefix="vision")()
""",
}

_PAGE = (ROOT / "docs" / "notebooks.md").read_text()
_SECTION = _PAGE.partition("## SageMaker SDK\n")[2].partition("\n## ")[0]
_DOCUMENTED = ("documented train", "documented transform", "documented deploy", "documented local storage")
DOCUMENTED = dict(zip(_DOCUMENTED, re.findall(r"```python\n(.*?)```", _SECTION, re.S), strict=True))
"""What docs/notebooks.md tells people to write."""

IN_V2 = {
    "documented transform": DOCUMENTED["documented transform"].replace("sagemaker.core.", "sagemaker."),
    "documented local storage": DOCUMENTED["documented local storage"],
}
IN_V3 = {
    "documented train": DOCUMENTED["documented train"],
    "documented transform": DOCUMENTED["documented transform"],
    "documented deploy": DOCUMENTED["documented deploy"],
    # A trainer to which everything is given.
    "documented tune": DOCUMENTED["documented train"].replace("trainer.train(wait=False)", NETWORKING + TUNER),
}
PROGRAMS = {
    sdk: {name: NAMES + program for name, program in programs.items()}
    for sdk, programs in {"v2": V2 | IN_V2, "v3": V3 | IN_V3}.items()
}
"""SDK to name to program."""
